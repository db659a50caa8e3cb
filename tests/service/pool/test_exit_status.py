"""The reason of a worker's end is read from what is left of it."""

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
def test_an_end_that_was_not_ours_is_explained_by_its_status(
    status: int | None, out_of_memory: bool, reason: RestartReason, evidence: str, blamed: bool
) -> None:
    """Signals, our own exit statuses, and the kernel's count of what it killed for memory."""
    assert classify_exit(None, status, out_of_memory=out_of_memory) == (reason, evidence, blamed)


def test_our_own_kill_keeps_its_reason() -> None:
    """Whatever the status says."""
    ours = classify_exit(RestartReason.DEADLINE, -signal.SIGKILL, out_of_memory=True)

    assert ours == (RestartReason.DEADLINE, "SIGKILL", False)


def test_memory_kills_are_counted_between_looks(tmp_path: Path) -> None:
    """A kill counts once, and those before the first look not at all."""
    events = tmp_path / "memory.events"
    events.write_text("low 0\noom 5\noom_kill 2\n")
    kills = MemoryKills(events)

    before = kills.grown()
    events.write_text("low 0\noom 6\noom_kill 3\n")

    assert (before, kills.grown(), kills.grown()) == (False, True, False)


def test_a_kernel_that_does_not_count_has_killed_nothing(tmp_path: Path) -> None:
    """The file is missing in some containers."""
    assert not MemoryKills(tmp_path / "missing").grown()


def test_this_machine_has_a_count_to_look_at() -> None:
    """Of the control group, or of the whole machine."""
    assert not MemoryKills().grown()
