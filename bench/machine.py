"""The machine and the commit that a result belongs to."""

import os
import platform
import subprocess
from pathlib import Path

import msgspec

from bench.places import ROOT


class Machine(msgspec.Struct, frozen=True):
    """What a reader needs to compare a figure with one of another machine."""

    processor: str
    processors: int  # that this process may use
    memory_gb: float
    kernel: str
    python: str
    commit: str  # ends with + where files differ from it


def look() -> Machine:
    """Describe this machine and the checked-out commit."""
    return Machine(
        processor=_processor(),
        processors=len(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        kernel=platform.release(),
        python=platform.python_version(),
        commit=_commit(),
    )


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
