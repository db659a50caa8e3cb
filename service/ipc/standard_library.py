"""Every name of the standard library that the pool needs and that is not documented, each behind one function.

A later Python may rename any of them. `check_names` tells at the start, where the first kill would otherwise: the
functions below fail in the middle of the service.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import forkserver, process, reduction, resource_tracker, spawn, util
from multiprocessing.process import BaseProcess
from typing import Any

from service.errors import StartError

# Those that the classifiers of the package name.
TESTED = "3.11 to 3.13"


def check_names() -> None:
    """Look for every name below. Raises: StartError that names what this Python lacks."""
    missing = ", ".join(_missing())
    if missing:
        raise StartError(
            f"Python {sys.version.split()[0]}: its standard library has no {missing}; the workers need it; "
            f"take Python {TESTED}"
        )


def _missing() -> Iterator[str]:
    names = {
        forkserver: ("_forkserver", "ensure_running", "set_forkserver_preload"),
        process: ("_children",),
        reduction: ("DupFd",),
        resource_tracker: ("ensure_running",),
        spawn: ("get_preparation_data",),
        threading: ("_register_atexit",),
        util: ("get_temp_dir",),
    }
    for module, needed in names.items():
        yield from (f"{module.__name__}.{name}" for name in needed if not hasattr(module, name))
    server = getattr(forkserver, "_forkserver", None)
    for name in ("_forkserver_pid", "_forkserver_alive_fd"):
        if server is not None and name not in vars(server):
            yield f"{forkserver.__name__}._forkserver.{name}"
    # An executor sets it when it is made, and that would already start another process.
    if "_processes" not in ProcessPoolExecutor.__init__.__code__.co_names:
        yield "concurrent.futures.ProcessPoolExecutor._processes"


def fork_server_pid() -> int | None:
    """Return the process id of the fork server, or None where none was started."""
    pid: int | None = _fork_server()["_forkserver_pid"]
    return pid


def alive_fd() -> int | None:
    """Return this process's write end of the pipe that keeps the fork server alive, or None where it has none."""
    fd: int | None = _fork_server()["_forkserver_alive_fd"]
    return fd


def _fork_server() -> dict[str, Any]:
    return vars(forkserver._forkserver)  # noqa: SLF001


def processes_of(executor: ProcessPoolExecutor) -> list[BaseProcess]:
    """Return the processes of an executor, also of one that was never used or is shut down."""
    return list((executor._processes or {}).values())  # noqa: SLF001


def disown(child: BaseProcess) -> None:
    """Have multiprocessing forget a child: only whoever holds it reads its exit status.

    multiprocessing reads the exit statuses of all its children whenever it starts another one. Beside the
    executor's thread one of the two readers finds the pipe empty, and a crash becomes "status unknown".
    """
    process._children.discard(child)  # type: ignore[attr-defined]  # noqa: SLF001


def before_exit(call: Callable[[], None]) -> None:
    """Have the interpreter's exit make a call before it waits for the calls of every process pool.

    `atexit` is too late. What is registered last runs first, and the pools' own wait is registered by the import
    of `ProcessPoolExecutor`.
    """
    threading._register_atexit(call)  # type: ignore[attr-defined]  # noqa: SLF001
