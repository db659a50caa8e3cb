"""Why a worker process ended, from what is left of it, and whether its call is to blame."""

import signal
from itertools import product
from pathlib import Path
from typing import NamedTuple

from service.control_groups import groups
from service.scheduling.events import RestartReason
from service.worker.process_limits import FAULT_EXIT, MEMORY_EXIT, ORPHAN_EXIT

# The whole machine's count, where the control group has none of its own.
VMSTAT = Path("/proc/vmstat")

# multiprocessing's status where the fork server, which knows the real one, is gone too.
_UNKNOWN = 255

_FROM_OUTSIDE = {-signal.SIGKILL, ORPHAN_EXIT, _UNKNOWN, None}

_STATUSES = {
    MEMORY_EXIT: "memory limit reached",
    ORPHAN_EXIT: "its fork server was gone",
    FAULT_EXIT: "a fault between two calls",
    _UNKNOWN: "exit status unknown",
}


class ExitReport(NamedTuple):
    """The end of a worker: why, by which evidence, and whether its call may have caused it."""

    reason: RestartReason
    evidence: str
    blamed: bool


def classify_exit(ours: RestartReason | None, status: int | None, *, out_of_memory: bool) -> ExitReport:
    """Return why a worker ended, the evidence, and whether its call is to blame.

    ours: why it was killed, if it was our kill. status: as `Process.exitcode`; None where it cannot be had.
    out_of_memory: whether the kernel killed something for memory in the meantime. SIGKILL without that comes
    from outside, from a person or an orchestrator: no request is to blame for it.
    """
    evidence = _evidence(status)
    if ours is not None:
        return ExitReport(ours, evidence, blamed=False)
    if status == MEMORY_EXIT:
        return ExitReport(RestartReason.MEMORY, evidence, blamed=True)
    if status == -signal.SIGKILL and out_of_memory:
        return ExitReport(RestartReason.MEMORY, f"{evidence} by the kernel, out of memory", blamed=True)
    if status == -signal.SIGALRM:
        return ExitReport(RestartReason.TIMER, evidence, blamed=True)
    return ExitReport(RestartReason.CRASH, evidence, blamed=status not in _FROM_OUTSIDE)


def _evidence(status: int | None) -> str:
    if status is None:
        return "not seen to end"
    if status < 0:
        return signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
    return _STATUSES.get(status, f"exit status {status}")


class MemoryKills:
    """The kernel's count of the processes that it killed for want of memory, read again and again."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or _counter()
        self._seen = self._read()

    def grown(self) -> bool:
        """Return whether the count has grown since the last call."""
        before, self._seen = self._seen, self._read()
        return self._seen > before

    def _read(self) -> int:
        try:
            lines = self._path.read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _counter() -> Path:
    """Return the file that counts for this process's control group, of version 2 or 1, or for the machine."""
    files = (
        group / name for group, name in product(groups("memory"), ("memory.events", "memory.oom_control"))
    )
    return next(filter(Path.exists, files), VMSTAT)
