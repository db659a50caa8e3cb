"""What the kernel says of the server process, by the names that Prometheus' client libraries give it.

Workers are other processes: see `scorepool_worker_memory_bytes`.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from service.observability.prometheus import Counter, gauge

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

# The place of the start, in clock ticks since boot, after the name in /proc/self/stat (proc(5): the 22nd field).
_START = 19


class ProcessMetrics:
    """The start, the processor time and the resident memory of this process."""

    def __init__(self) -> None:
        self._started = _start_time()

    def families(self) -> Iterator[str]:
        """Write them; costs 20 µs, for a file that the kernel writes."""
        cpu = Counter("process_cpu_seconds_total", "Processor time of the server process, in seconds.")
        cpu.add(amount=time.process_time())
        yield cpu.text()
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
        yield gauge("process_resident_memory_bytes", "Resident memory of the server process.", {"": resident})
        about = "When the server process started, in seconds since 1970."
        yield gauge("process_start_time_seconds", about, {"": self._started})


def _start_time() -> float:
    ticks = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[_START]
    since_boot = int(ticks) / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot
