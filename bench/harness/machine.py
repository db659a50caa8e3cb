"""The machine and the commit that a result belongs to."""

import os
import platform
import subprocess
import time
from pathlib import Path

import msgspec

from bench.harness.paths import ROOT


class Machine(msgspec.Struct, frozen=True):
    """What a reader needs to compare a figure with one of another machine."""

    processor: str
    processors: int  # those that this process may use
    memory_gb: float
    kernel: str
    python: str
    commit: str  # ends with + where tracked files differ from it

    def __str__(self) -> str:
        """Return the machine in one line; the commit is not part of it."""
        hardware = f"{self.processor}, {self.processors} processors, {self.memory_gb:g} GB"
        return f"{hardware}, Linux {self.kernel}, Python {self.python}"


def describe() -> Machine:
    """Describe this machine and the checked-out commit."""
    return Machine(
        processor=_processor(),
        processors=len(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        kernel=platform.release(),
        python=platform.python_version(),
        commit=_commit(),
    )


def busy_share(seconds: float) -> float:
    """Sleep for `seconds`, and return the share of all processors' time that other processes used meanwhile."""
    before = _processor_ticks()
    time.sleep(seconds)
    used, idle = (after - earlier for earlier, after in zip(before, _processor_ticks(), strict=True))
    return used / max(1, used + idle)


def _processor_ticks() -> tuple[int, int]:
    """Return the ticks that all processors worked and idled since the machine started."""
    ticks = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, idle


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    try:
        commit = _git("rev-parse", "--short=10", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
