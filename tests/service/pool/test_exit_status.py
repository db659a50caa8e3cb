"""The reason of a worker's end is found from its exit status and the kernel's counters."""

import signal
from pathlib import Path

import pytest

from service.pool.exit_status import MemoryKills, classify_exit
from service.scheduling.events import RestartReason
from service.worker.process_limits import MEMORY_EXIT


@pytest.mark.parametrize(
    ("status", "out_of_memory", "reason", "evidence", "blamed"),
    [
        (-signal.SIGSEGV, False, RestartReason.CRASH, "SIGSEGV", True),
        (-signal.SIGKILL, False, RestartReason.CRASH, "SIGKILL", False),
        (-signal.SIGKILL, True, RestartReason.MEMORY, "SIGKILL by the kernel, out of memory", True),
        (-signal.SIGALRM, False, RestartReason.TIMER, "SIGALRM", True),
        (MEMORY_EXIT, False, RestartReason.MEMORY, "memory limit reached", True),
        (3, True, RestartReason.CRASH, "exit status 3", True),
        (255, False, RestartReason.CRASH, "exit status unknown", False),
        (-63, False, RestartReason.CRASH, "signal 63", True),
        (None, False, RestartReason.CRASH, "not seen to end", False),
    ],
)
def test_an_unexpected_end_is_explained_by_the_exit_status(
    status: int | None, out_of_memory: bool, reason: RestartReason, evidence: str, blamed: bool
) -> None:
    """The evidence is the signal, the worker's own exit status or the kernel's count of memory kills."""
    assert classify_exit(None, status, out_of_memory=out_of_memory) == (reason, evidence, blamed)


def test_a_kill_by_the_service_keeps_its_reason() -> None:
    """The exit status does not change it."""
    result = classify_exit(RestartReason.DEADLINE, -signal.SIGKILL, out_of_memory=True)

    assert result == (RestartReason.DEADLINE, "SIGKILL", False)


def test_memory_kills_are_counted_between_readings(tmp_path: Path) -> None:
    """Each kill is reported once; those before the first reading are not reported."""
    events = tmp_path / "memory.events"
    events.write_text("low 0\noom 5\noom_kill 2\n")
    kills = MemoryKills(events)

    before = kills.grown()
    events.write_text("low 0\noom 6\noom_kill 3\n")

    assert (before, kills.grown(), kills.grown()) == (False, True, False)


def test_a_missing_counter_reports_no_kills(tmp_path: Path) -> None:
    """The file is missing in some containers."""
    assert not MemoryKills(tmp_path / "missing").grown()


def test_the_default_counter_can_be_read() -> None:
    """It is that of the control group or of the whole machine."""
    assert not MemoryKills().grown()
