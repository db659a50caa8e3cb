"""The process that workers are forked from: it has imported everything heavy and does nothing else."""

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.machinery import ModuleSpec
from multiprocessing import forkserver, resource_tracker, spawn
from multiprocessing.context import BaseContext
from pathlib import Path

from service.ipc import standard_library
from service.pool.daemon_threads import SerialThread
from service.pool.requirements import use_socket_folder
from service.worker import process_limits

# More slots than cores is the pool's business; BLAS threads beside them would only fight for the same cores,
# and a library that has started threads cannot be forked safely.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

# Has glibc keep a worker's memory between calls instead of giving it back to the kernel, which clears every page
# before it gives it out again: for arrays of a few megabytes, of which each call makes a dozen, that is a tenth of
# the time. Larger arrays than the first figure (the largest that glibc takes) are still mapped anew, and up to the
# second may lie free at the heap's end. Other C libraries ignore both. `bench throughput` shows the difference.
WARM_HEAP = {"MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024), "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024)}

# Environment variable with the server's main module, for the fork server.
_MAIN = "SCOREPOOL_MAIN"

# Environment variable with the folder in which modules to preload are searched first, for the fork server.
_FOLDER = "SCOREPOOL_IMPORT_FOLDER"

# A terminal sends Ctrl-C, Ctrl-\ and its hangup, and systemd's default stop sends SIGTERM, to every process at
# once. Blocked from the first instruction on, also during the imports, so that only the server decides when a
# worker ends.
_BLOCKED = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}


@cache
def starter_thread() -> SerialThread:
    """Return the thread that must start every fork server: one thread, for the life of the process.

    A fork server dies with the thread that started it, because that is what `PR_SET_PDEATHSIG` watches.
    """
    return SerialThread("fork server")


def context() -> BaseContext:
    """Return the way in which workers are started."""
    return multiprocessing.get_context("forkserver")


def ensure_running(preload: Sequence[str]) -> int:
    """Start the fork server if it is not running, and return its process id.

    Takes a few milliseconds; the imports go on in the new process, and a first worker waits for them. It may
    also block for ever, where the last one was stopped: call it in the `starter_thread`.
    """
    os.environ.update(ONE_THREAD | WARM_HEAP)
    os.environ[process_limits.SERVER_PID] = str(os.getpid())
    os.environ[_MAIN] = _main_module()
    forkserver.set_forkserver_preload(["service.pool.preload", *preload])
    use_socket_folder()
    _end_with_interpreter()
    # A mask is inherited; a handler would need the main thread.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
    try:
        # It comes first because starting it unblocks SIGINT and SIGTERM, which it ignores by itself.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    pid = running()
    assert pid is not None
    return pid


def import_from(folder: str) -> None:
    """Have a fork server that is started later find modules to preload in this folder."""
    os.environ[_FOLDER] = folder


def add_import_folder() -> None:
    """Find modules in the folder of `import_from`; call it in the fork server, before the other imports."""
    folder = os.environ.get(_FOLDER)
    if folder and folder not in sys.path:
        sys.path.insert(0, folder)


@cache
def _end_with_interpreter() -> None:
    """Kill it first at the interpreter's exit, which waits for every call of every pool, and `serve` does not end."""
    standard_library.before_exit(kill)


def _main_module() -> str:
    """Return how multiprocessing will name the main module to new processes, as JSON."""
    preparation = spawn.get_preparation_data("")
    return json.dumps({key: value for key, value in preparation.items() if key.startswith("init_main")})


def skip_main() -> None:
    """Mark the server's main module as already run; call it in the fork server, before it forks.

    A worker would run that module again without needing it: that costs up to a quarter of a second each time,
    and a script without `if __name__ == "__main__"` would start a server in every worker.
    """
    preparation = json.loads(os.environ.get(_MAIN, "{}"))
    main = sys.modules["__main__"]
    if name := preparation.get("init_main_from_name"):
        main.__spec__ = ModuleSpec(name, None)
    if path := preparation.get("init_main_from_path"):
        main.__file__ = path


def running() -> int | None:
    """Return the process id of the fork server, or None where none was started."""
    return standard_library.fork_server_pid()


def stopped() -> bool:
    """Return whether a signal has stopped the fork server; it answers nothing then, for ever."""
    pid = running()
    try:
        return pid is not None and is_stopped(Path(f"/proc/{pid}/stat").read_bytes())
    except OSError:
        return False


def is_stopped(stat: bytes) -> bool:
    """Tell from a /proc/…/stat whether SIGSTOP or a freezer has stopped a process (state T, not a debugger's t)."""
    return stat[stat.rindex(b")") + 2 :][:1] == b"T"


def kill() -> None:
    """End the fork server, and with it every worker; the next worker starts a new one."""
    pid = running()
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
