"""Stand-ins that go in through the project's own seams: handlers that do what a body tells them."""

import ctypes
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from service.answer import Answer, Facts
from service.worker import Buffer


class UnpicklableError(Exception):
    """Cannot be made anew from its arguments, so that unpickling it fails."""

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
    """Die the first time; the argument is a path where that is remembered."""
    if os.path.exists(argument):  # noqa: PTH110 - a plain fake
        return b"alive"
    os.close(os.open(argument, os.O_CREAT))
    return kill_self("SIGKILL")


def exit_python(argument: str) -> bytes:
    """Leave by SystemExit, as sys.exit in some library does."""
    sys.exit(int(argument or 0))


def exit_hard(argument: str) -> bytes:
    """End the process at once with this status."""
    os._exit(int(argument))


def hog(argument: str) -> bytes:
    """Take memory, all of it in use, until there is none."""
    taken = []
    while True:
        taken.append(bytearray(os.urandom(1024) * 16 * 1024))


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
            exit_python, exit_hard, hog, fail, fail_unpicklably,
        )
    }
)  # fmt: skip


class ScriptedHandler:
    """Does what the first line of the body says: a command and its argument. The rest is ballast."""

    digest = "sha256:fake"

    def __call__(self, body: Buffer, accept: str) -> Answer:
        command, _, argument = bytes(body).partition(b"\n")[0].decode().partition(" ")
        return Answer("ok", COMMANDS[command](argument), Facts(documents=1))


class RefusingHandler:
    """Cannot be made: a bundle that is broken."""

    def __init__(self) -> None:
        raise OSError("no such bundle")
