"""What the probes say is true: at the start, under load, when every worker is dead, while draining."""

from pathlib import Path

import pytest

from bench.probing import UNREACHABLE, Story, runs, tell, untrue


@pytest.fixture(scope="module")
def story(demo_bundle: Path) -> Story:
    """Lead a real server through its life, asking each probe 20 times a second."""
    return tell(demo_bundle, seconds=0.5)


def test_liveness_depends_on_nothing(story: Story) -> None:
    """It is alive from its first answer until it listens no more, whatever the load and the workers."""
    said = [span.what for span in runs(story.said, "/livez")]

    assert said in (["alive"], ["alive", UNREACHABLE])


def test_readiness_follows_the_pool(story: Story) -> None:
    """Every answer was true at some moment between its question and its arrival."""
    assert untrue(story.said, story.truth) == []


def test_readiness_has_said_all_there_is_to_say(story: Story) -> None:
    """The run has met every state."""
    said = {span.what for span in runs(story.said, "/readyz")}

    assert {"starting", "ready", "no_workers", "draining"} <= said


def test_startup_is_over_once(story: Story) -> None:
    """The death of every worker does not bring it back."""
    said = [span.what for span in runs(story.said, "/startupz")]

    assert said[:2] == ["starting", "started"]
    assert said[2:] in ([], [UNREACHABLE])
