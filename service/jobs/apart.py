"""Processes of their own for what takes long, or reads what clients send: started, bounded, and ended with the server.

    server ── `python -m <module> <arguments as JSON>` ─→ process ── {"reply": …} or {"fault": …} ─→ server

Each has a low priority and a limit on its memory, and is killed when the caller is cancelled. The kernel kills it when
the server ends, however that comes.
"""

import asyncio
import ctypes
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from traceback import extract_tb
from typing import TypeVar

import msgspec

from service.settings import SECRETS

# At once: more would take the disk and the cores from each other.
MAX_PROCESSES = 2

# Below workers, whose niceness is 2: what they do is waited for.
NICENESS = 10

# Of what a process says, on one line.
MAX_REPLY_BYTES = 64 * 1024

# linux/prctl.h
_PR_SET_PDEATHSIG = 1

T = TypeVar("T")
A = TypeVar("A", bound=msgspec.Struct)

logger = logging.getLogger(__name__)


class ProcessLost(Exception):  # noqa: N818 - it is an outcome, not a fault
    """The process ended without a reply; the text says how."""


class _Said(msgspec.Struct):
    """What a process writes: its reply, or what was raised in it and where, without the message."""

    reply: msgspec.Raw = msgspec.Raw(b"null")
    fault: str = ""


class Processes:
    """Runs them, at most so many at once."""

    def __init__(self, memory_bytes: int, most: int = MAX_PROCESSES) -> None:
        """`memory_bytes`: of each process."""
        self._memory_bytes = memory_bytes
        self._free = asyncio.Semaphore(most)

    async def run(self, module: str, arguments: msgspec.Struct, reply: type[T]) -> T:
        """Run a module and return its reply. Raises: ProcessLost."""
        async with self._free:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-m", module, str(os.getpid()), str(self._memory_bytes)),
                msgspec.json.encode(arguments).decode(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # a traceback may hold a client's text
                env=child_environment(),
                limit=MAX_REPLY_BYTES,
                start_new_session=True,
            )
            try:
                assert process.stdout is not None
                line = await process.stdout.readline()
                status = await process.wait()
            finally:
                if process.returncode is None:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    await process.wait()
        try:
            said = msgspec.json.decode(line, type=_Said)
        except msgspec.DecodeError:
            raise ProcessLost(_described(status)) from None
        if said.fault:
            logger.error("job_process_failed", extra={"program": module, "error": said.fault})
            raise ProcessLost("of a fault of the service, which was logged")
        return msgspec.json.decode(said.reply, type=reply)


def answer(arguments: type[A], work: Callable[[A], object]) -> None:
    """Do what this process was started for, and say what came of it; for the module that is run."""
    given = _begin(arguments)
    try:
        said = {"reply": work(given)}
    except MemoryError:
        os.kill(os.getpid(), signal.SIGKILL)
    except Exception as error:
        frame = extract_tb(error.__traceback__)[-1]
        said = {"fault": f"{type(error).__name__} at {frame.filename}:{frame.lineno}"}
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")


def _begin(arguments: type[A]) -> A:
    """Return what this process was started with, after limiting it as `Processes` asked."""
    parent, memory_bytes, text = sys.argv[1:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit(1)  # it was gone before the kernel was asked
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_DATA, (int(memory_bytes), int(memory_bytes)))
    # A core file would hold the clients' texts.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return msgspec.json.decode(text, type=arguments)


def child_environment() -> Mapping[str, str]:
    """Return this environment without secrets, and with one thread for each library that would take all cores."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    inherited = {name: value for name, value in os.environ.items() if name not in SECRETS}
    # The package may be in the current folder, which `-P` leaves out.
    places = os.pathsep.join(path for path in sys.path if path)
    return {**inherited, **threads, "PYTHONPATH": places}


def _described(status: int) -> str:
    if status == -signal.SIGKILL:
        return "it was killed, most often for lack of memory"
    return f"it ended by {signal.Signals(-status).name}" if status < 0 else f"it ended with status {status}"
