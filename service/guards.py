"""What a worker process does, first of all, so that it harms nobody and outlives nobody.

Death with the server, whatever the server dies of. The chain has two links:

    server ──(alive pipe)──→ fork server ──(PR_SET_PDEATHSIG)──→ worker

The fork server exits when the last write end of its alive pipe is closed. It gives every worker a copy of
that end, so the worker closes it. The parent that the kernel watches is the fork server; its exit kills the
worker, even one that is stopped or holds the GIL. Order matters: ask the kernel, look whether the parent is
still there, then let go.
"""

import ctypes
import os
import resource
import signal
from contextlib import suppress
from multiprocessing import forkserver
from pathlib import Path

# linux/prctl.h
_PR_SET_PDEATHSIG = 1

# Behind the server and its health endpoints when every core is busy, ahead of batch work at 10 and more.
NICENESS = 5

# The kernel should choose a worker before the server: a worker is replaced in milliseconds.
OOM_SCORE_ADJ = 500

# Exit statuses that say why; sysexits.h ends at 78 and a shell begins at 126.
MEMORY_EXIT = 86
ORPHAN_EXIT = 87


def apply(parent: int, memory_bytes: int) -> None:
    """Guard this worker process, whose parent should be `parent`; exits at once where that one is gone."""
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    os.nice(NICENESS)
    _lower(resource.RLIMIT_DATA, memory_bytes)
    # A core file would hold the clients' texts, and writing it delays the replacement.
    _lower(resource.RLIMIT_CORE, 0)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE_ADJ))


def die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent` ends, and stop keeping the fork server alive."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(ORPHAN_EXIT)
    server = forkserver._forkserver  # noqa: SLF001 - there is no public name for the descriptor
    alive_fd: int | None = vars(server)["_forkserver_alive_fd"]
    if alive_fd is not None:
        os.close(alive_fd)


def set_timer(limit_s: float) -> None:
    """Have the kernel end this process in `limit_s` seconds, whatever code is running then."""
    signal.setitimer(signal.ITIMER_REAL, limit_s)


def clear_timer() -> None:
    """Take the timer back."""
    signal.setitimer(signal.ITIMER_REAL, 0.0)


def private_memory() -> int:
    """Return this process's resident memory in bytes without what it maps of files or shares."""
    fields = Path("/proc/self/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * resource.getpagesize()


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(limit, (value, hard))
