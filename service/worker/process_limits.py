"""The limits of a worker process, and how it and the fork server end with their server.

However the server dies, the kernel ends both by two links of the same kind:

    server ──(PR_SET_PDEATHSIG)──→ fork server ──(PR_SET_PDEATHSIG)──→ worker

The kernel does the killing, so it reaches processes that are stopped, hold the GIL, or are still importing. A
fork server also exits when the last write end of its "alive" pipe is closed. It gives every worker a copy of
that end, and the worker closes it: a second way, in case the first one failed.
"""

import ctypes
import faulthandler
import mmap
import os
import resource
import signal
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from service.ipc import standard_library

# linux/prctl.h
_PR_SET_PDEATHSIG = 1

# Environment variable with the server's process id, for the fork server.
SERVER_PID = "SCOREPOOL_SERVER_PID"

# Lower than the server and its health endpoints when every core is busy, higher than batch work at 10 and more.
# With 5 it had a quarter of a core that it shared with a server busy refusing, with 2 it has two fifths: goodput at ten
# times the load was 75 and 46 % of the peak with 5, 89 and 87 % with 2, and `/livez` as quick (p99 9 ms).
NICENESS = 2

# The kernel should choose a worker before the server: a worker is replaced in milliseconds.
OOM_SCORE_ADJ = 500

# Exit statuses that say why; sysexits.h ends at 78 and a shell begins at 126.
MEMORY_EXIT = 86
ORPHAN_EXIT = 87
FAULT_EXIT = 88


def apply(parent: int, memory_bytes: int) -> None:
    """Guard this worker process, whose parent should be `parent`; exits at once where that one is gone."""
    die_with(parent)
    # A group of its own: what it starts can be ended with it.
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _lower(resource.RLIMIT_DATA, memory_bytes)
    # A core file would hold the clients' texts, and writing it delays the replacement.
    _lower(resource.RLIMIT_CORE, 0)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE_ADJ))


def redirect_output(fd: int) -> None:
    """Have everything that this process prints go to `fd`, which is closed, and let it read nothing.

    A crash prints the calls that led to it.
    """
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    for number, name in ((1, "stdout"), (2, "stderr")):
        # By lines, so that none is lost when the process is killed.
        stream = open(number, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
    faulthandler.enable(all_threads=False)


def lower_priority() -> None:
    """Run at a lower priority than the server from now on; before the worker is ready its start would take longer."""
    os.nice(NICENESS)


def die_with(parent: int) -> None:
    """Have the kernel kill this worker when `parent` ends, and stop keeping the fork server alive."""
    _die_with_parent(parent)
    alive_fd = standard_library.alive_fd()
    if alive_fd is not None:
        os.close(alive_fd)


def die_with_server() -> None:
    """Have the kernel kill this fork server when its server ends; does nothing in the server itself.

    The kernel watches the thread that started this process, not the whole server: see `fork_server.starter_thread`.
    """
    server = int(os.environ.get(SERVER_PID, "0"))
    if server not in {0, os.getpid()}:
        _die_with_parent(server)


def _die_with_parent(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # It may have died before the kernel was asked, and then no signal would ever come.
    if os.getppid() != parent:
        os._exit(ORPHAN_EXIT)


def set_timer(limit_s: float) -> None:
    """Have the kernel end this process in `limit_s` seconds, also while C code holds the interpreter's lock."""
    signal.setitimer(signal.ITIMER_REAL, limit_s)


def clear_timer() -> None:
    """Take the timer back."""
    signal.setitimer(signal.ITIMER_REAL, 0.0)


def private_memory() -> int:
    """Return this process's resident memory in bytes without what it maps of files or shares."""
    fields = os.pread(_statm(), 128, 0).split()
    return (int(fields[1]) - int(fields[2])) * mmap.PAGESIZE


@cache
def _statm() -> int:
    """Open the file once: opening it takes longer than reading it."""
    return os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(limit, (value, hard))
