"""Each change of readiness is one line in the log."""

import asyncio
import logging

import pytest

from service.observability.readiness import Readiness
from tests.support.event_loop import run


def changes(caplog: pytest.LogCaptureFixture) -> list[tuple[bool, str | None]]:
    """Return what was logged: whether the service was ready, and why not."""
    return [(vars(line)["ready"], vars(line)["reason"]) for line in caplog.records]


def test_only_changes_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A service begins as `starting`; the same reason again is no change."""
    caplog.set_level(logging.INFO)
    answers: list[str | None] = ["starting", "starting", None, None, "no_workers", None]
    readiness = Readiness(iter(answers).__next__)

    asked = [readiness() for _ in answers]

    assert asked == answers
    assert changes(caplog) == [(True, None), (False, "no_workers"), (True, None)]


def test_changes_are_found_without_a_probe(caplog: pytest.LogCaptureFixture) -> None:
    """They are looked for until it is stopped, and once more then."""
    caplog.set_level(logging.INFO)
    reason: str | None = "starting"
    asked = asyncio.Event()

    def current() -> str | None:
        asked.set()
        return reason

    async def scenario() -> None:
        nonlocal reason
        readiness = Readiness(current)
        readiness.start()
        reason = None
        asked.clear()
        await asked.wait()
        reason = "draining"
        readiness.stop()

    run(scenario())

    assert changes(caplog) == [(True, None), (False, "draining")]
