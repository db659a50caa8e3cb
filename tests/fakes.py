"""Fakes for the project's own interfaces: a worker's handler that executes commands, and an observer of the pool."""

import asyncio
import ctypes
import json
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from service.api.outcome import Facts, Outcome
from service.api.request import Operation
from service.worker.main import Buffer

# The memory that `keep` holds in a worker.
_KEPT: list[bytearray] = []


class UnpicklableError(Exception):
    """Cannot be constructed from its arguments alone, so that unpickling it fails."""

    def __init__(self, first: object, second: object) -> None:
        super().__init__(f"{first} {second}")


def echo(argument: str) -> bytes:
    """Answer with the argument."""
    return argument.encode()


def sleep(argument: str) -> bytes:
    """Answer after so many seconds."""
    time.sleep(float(argument))
    return b"slept"


def spin(argument: str) -> bytes:
    """Answer after so many seconds of work."""
    end = time.perf_counter() + float(argument)
    while time.perf_counter() < end:
        pass
    return b"spun"


def answer_of(argument: str) -> bytes:
    """Answer with so many bytes."""
    return bytes(int(argument))


def hang(argument: str) -> bytes:
    """Never answer, in Python code."""
    while True:
        pass


def hold_gil(argument: str) -> bytes:
    """Never answer, in C code that holds the interpreter's lock for the whole time."""
    re.match(r"(a+)+b", "a" * 60)
    return b"this is not reached in a lifetime"


def segfault(argument: str) -> bytes:
    """Read address zero."""
    ctypes.string_at(0)
    return b""


def kill_self(argument: str) -> bytes:
    """Die of the signal with this name."""
    os.kill(os.getpid(), signal.Signals[argument])
    time.sleep(60)
    return b""


def kill_self_once(argument: str) -> bytes:
    """Die the first time; the argument is the path of a file that records it."""
    if os.path.exists(argument):  # noqa: PTH110 - a plain fake
        return b"alive"
    os.close(os.open(argument, os.O_CREAT))
    return kill_self("SIGKILL")


def kill_self_writing(argument: str) -> bytes:
    """Die once, while the answer is copied.

    The argument: the path of a file that records it, milliseconds of processor time until the signal, the size
    of the answer.
    """
    path, milliseconds, size = argument.split()
    if not os.path.exists(path):  # noqa: PTH110 - a plain fake
        os.close(os.open(path, os.O_CREAT))
        # Counts processor time, so that it expires while the bytes are copied.
        signal.setitimer(signal.ITIMER_PROF, float(milliseconds) / 1000)
    return bytes(int(size))


def exit_python(argument: str) -> bytes:
    """Raise SystemExit, as sys.exit in a library does."""
    sys.exit(int(argument or 0))


def exit_hard(argument: str) -> bytes:
    """End the process at once with this status."""
    os._exit(int(argument))


def hog(argument: str) -> bytes:
    """Allocate and write memory until none is left."""
    taken = []
    while True:
        taken.append(bytearray(os.urandom(1024) * 16 * 1024))


def keep(argument: str) -> bytes:
    """Keep so many MiB allocated, as a leak does."""
    _KEPT.append(bytearray(b"x") * (int(argument) * 1024 * 1024))
    return b"kept"


def describe(argument: str) -> bytes:
    """Return the limits that this process runs under, as JSON."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, set())
    return json.dumps(
        {
            "pid": os.getpid(),
            "niceness": os.nice(0),
            "memory_bytes": resource.getrlimit(resource.RLIMIT_DATA)[0],
            "core_bytes": resource.getrlimit(resource.RLIMIT_CORE)[0],
            "oom_score_adj": int(Path("/proc/self/oom_score_adj").read_text()),
            "blocked": sorted(signal.Signals(number).name for number in blocked),
            "blas_threads": os.environ["OPENBLAS_NUM_THREADS"],
            "open_files": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - a plain fake
        }
    ).encode()


def fail(argument: str) -> bytes:
    """Raise an ordinary exception with the argument as its message."""
    raise ValueError(argument)


def fail_unpicklably(argument: str) -> bytes:
    """Raise an exception that cannot cross to another process."""
    raise UnpicklableError(argument, lambda: None)


COMMANDS: Mapping[str, Callable[[str], bytes]] = MappingProxyType(
    {
        command.__name__: command
        for command in (
            echo, sleep, spin, answer_of, hang, hold_gil, segfault, kill_self, kill_self_once,
            kill_self_writing, exit_python, exit_hard, hog, keep, describe, fail, fail_unpicklably,
        )
    }
)  # fmt: skip


class ScriptedHandler:
    """Executes the first line of the body: a command and its argument. The other lines are ignored."""

    digest = "sha256:fake"

    def __call__(self, body: Buffer, operation: Operation) -> Outcome:
        command, _, argument = bytes(body).partition(b"\n")[0].decode().partition(" ")
        return Outcome("ok", COMMANDS[command](argument), Facts(documents=1))


def refuse() -> ScriptedHandler:
    """Fail to make a handler, as for a missing bundle."""
    raise OSError("no such bundle")


class PoolRecorder:
    """An observer of the pool that keeps every event as (name, arguments…), and lets a test wait for one."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self._happened = asyncio.Event()

    async def until(self, *event: Any, times: int = 1) -> None:
        """Wait until so many events that begin with `event` have happened."""
        while len(self.all(*event)) < times:
            self._happened.clear()
            await self._happened.wait()

    def all(self, *event: Any) -> list[tuple[Any, ...]]:
        """Return the events that begin with `event`."""
        return [each for each in self.events if each[: len(event)] == event]

    def _note(self, *event: Any) -> None:
        self.events.append(event)
        self._happened.set()

    def refused(self, code: str) -> None:
        self._note("refused", code)

    def called(self, slot: int, waits_s: Sequence[float]) -> None:
        self._note("called", slot, len(waits_s))

    def finished(self, subject: str, outcome: Outcome) -> None:
        self._note("finished", outcome.code, subject, outcome)

    def faulted(self, slot: int, request_id: str, fault: str) -> None:
        self._note("faulted", request_id, fault)

    def slot_changed(self, slot: int, state: str) -> None:
        self._note("slot_changed", slot, state)

    def slot_ended(self, slot: int, reason: str, detail: str) -> None:
        self._note("slot_ended", slot, reason, detail)

    def start_failed(self, slot: int, detail: str) -> None:
        self._note("start_failed", slot, detail)

    def bundle_damaged(self, file: str, size: int, expected: int, fault: str) -> None:
        self._note("bundle_damaged", file, size, expected, fault)

    def bundle_restored(self) -> None:
        self._note("bundle_restored")

    def loop_lagged(self, lag_s: float) -> None:
        self._note("loop_lagged", lag_s)
