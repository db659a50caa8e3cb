"""What became of the time of processes: they ran, waited for a processor, or had nothing to do."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class ProcessorTime(NamedTuple):
    """Seconds of all threads of some processes: on a processor, and ready to run without one."""

    ran: float
    waited: float

    def since(self, before: "ProcessorTime") -> "ProcessorTime":
        """Return what has come since an earlier reading."""
        return ProcessorTime(self.ran - before.ran, self.waited - before.waited)


def processor_time(pids: Iterable[int]) -> ProcessorTime:
    """Return what the kernel has counted for processes until now. Raises: OSError where one is gone."""
    ran = waited = 0
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            # Documentation/scheduler/sched-stats.rst: nanoseconds.
            on_processor, on_queue, _ = (thread / "schedstat").read_text().split()
            ran += int(on_processor)
            waited += int(on_queue)
    return ProcessorTime(ran / 1e9, waited / 1e9)
