"""What the health endpoints answer is true: at the start, under load, without workers, while draining."""

from pathlib import Path

import pytest

from bench.service.lifecycle import UNREACHABLE, Observation, observe


@pytest.fixture(scope="module")
def observation(demo_bundle: Path) -> Observation:
    """Lead a real server through its phases, and ask each endpoint 20 times a second."""
    return observe(demo_bundle, seconds=0.5)


def test_liveness_depends_on_nothing(observation: Observation) -> None:
    """It is alive from its first answer until it stops listening, whatever the load and the workers."""
    states = [span.state for span in observation.answered("/livez")]

    assert states in (["alive"], ["alive", UNREACHABLE])


def test_readiness_follows_the_pool(observation: Observation) -> None:
    """Every answer was true at some moment between its question and its arrival."""
    assert observation.false_answers() == []


def test_readiness_takes_every_value(observation: Observation) -> None:
    """The run has met every state."""
    states = {span.state for span in observation.answered("/readyz")}

    assert {"starting", "ready", "no_workers", "draining"} <= states


def test_startup_is_over_once(observation: Observation) -> None:
    """The death of every worker does not bring it back."""
    states = [span.state for span in observation.answered("/startupz")]

    assert states[:2] == ["starting", "started"]
    assert states[2:] in ([], [UNREACHABLE])
