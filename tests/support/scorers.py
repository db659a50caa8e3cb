"""Scorers for tests, as users would write them: they import nothing of the service."""

import ctypes
import math
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

# The memory that `Faulty` leaks.
_LEAKED: list[bytearray] = []


class Request(msgspec.Struct):
    """A request with a type."""

    text: str
    times: int = 1


class Lengths:
    """Answers with the length of each text; its version and digest are known."""

    version = "1.2"
    digest = "sha256:lengths"

    def self_test(self) -> list[Any]:
        return [{"text": "a"}, Request("b", 2)]

    def score(self, requests: list[Request]) -> list[dict[str, Any]]:
        return [
            {"length": len(each.text) * each.times, "vector": np.arange(2, dtype=np.float32)}
            for each in requests
        ]


class Weighted:
    """Reads a number from the file that it is given."""

    def __init__(self, model: Path) -> None:
        self.weight = float(model.read_text())

    def score(self, requests: list[float]) -> list[float]:
        return [self.weight * each for each in requests]


class Heavy:
    """Holds 200 MiB of its own."""

    def __init__(self) -> None:
        self.kept = b"x" * (200 << 20)

    def score(self, requests: list[Any]) -> list[Any]:
        return requests


def reverse(request: bytes) -> bytes:
    """Answer with the bytes of the body, the last one first."""
    return request[::-1]


reverse.accepts = ("image/png",)  # type: ignore[attr-defined]  # as users write it
reverse.media_type = "image/png"  # type: ignore[attr-defined]


def double(request: float) -> float | ValueError:
    """Double a number, or refuse it."""
    if request < 0:
        raise ValueError("below zero: send 0 or more")
    return 2 * request


class Faulty:
    """Does what the text says, once; `echo` answers with the number of requests in its call."""

    digest = "sha256:faulty"

    def score(self, requests: list[str]) -> list[Any]:
        return [self.run(each, len(requests)) for each in requests]

    def run(self, request: str, number: int) -> Any:
        command, _, argument = request.partition(" ")
        return getattr(self, command)(argument, number)

    def echo(self, argument: str, number: int) -> Any:
        time.sleep(float(argument or 0))
        return {"pid": os.getpid(), "together": number}

    def reject(self, argument: str, number: int) -> Any:
        return ValueError(argument)

    def fail(self, argument: str, number: int) -> Any:
        raise KeyError(argument)

    def nan(self, argument: str, number: int) -> Any:
        return {"score": math.nan}

    def unknown(self, argument: str, number: int) -> Any:
        return object()

    def say(self, argument: str, number: int) -> Any:
        print(argument)
        print(argument, file=sys.stderr)
        os.system(f"echo {argument} of a child")
        return number

    def flood(self, argument: str, number: int) -> Any:
        for line in range(int(argument)):
            print(line)
        return number

    def read(self, argument: str, number: int) -> Any:
        return sys.stdin.read() + os.read(0, 1).decode()

    def exit_hard(self, argument: str, number: int) -> Any:
        os._exit(3)

    def exit_python(self, argument: str, number: int) -> Any:
        sys.exit(3)

    def segfault(self, argument: str, number: int) -> Any:
        ctypes.string_at(0)

    def hold_gil(self, argument: str, number: int) -> Any:
        re.match(r"(a+)+b", "a" * 60)

    def fork(self, argument: str, number: int) -> Any:
        """Fork, and let both go on, as a library that is used in the wrong way does."""
        return {"child": os.fork()}

    def child(self, argument: str, number: int) -> Any:
        return {"child": subprocess.Popen(["sleep", "600"]).pid, "pid": os.getpid()}

    def thread(self, argument: str, number: int) -> Any:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        return threading.active_count()

    def leak(self, argument: str, number: int) -> Any:
        _LEAKED.append(bytearray(b"x") * (int(argument) * 1024 * 1024))
        return number


class Short:
    """Returns fewer results than requests, unless it is asked one at a time."""

    def score(self, requests: list[int]) -> list[int]:
        return requests if len(requests) == 1 else requests[1:]


class Wrong:
    """Returns no list."""

    def score(self, requests: list[int]) -> Any:
        return np.array(requests)


class Raising:
    """Cannot be constructed."""

    def __init__(self) -> None:
        raise RuntimeError("no weights here")

    def score(self, requests: list[int]) -> list[int]:
        return requests


class Dying(Raising):
    """Ends its process when it is constructed."""

    def __init__(self) -> None:
        os._exit(7)


class Hanging(Raising):
    """Is never constructed."""

    def __init__(self) -> None:
        time.sleep(600)


class FailingItsTest:
    """Rejects what it says it can score."""

    def self_test(self) -> list[Any]:
        return [1]

    def score(self, requests: list[int]) -> list[Any]:
        return [ValueError("nothing is good enough") for _ in requests]


class Once:
    """Can be constructed once; the file named by the model keeps the record."""

    def __init__(self, model: Path) -> None:
        with model.open("a") as record:
            record.write("constructed\n")
        if len(model.read_text().splitlines()) > 1:
            raise RuntimeError("not a second time")

    def score(self, requests: list[str]) -> list[int]:
        for request in requests:
            if request == "die":
                os._exit(3)
        return [1 for _ in requests]


class NonsenseCost:
    """Expects less than nothing."""

    @staticmethod
    def cost(size: int) -> float:
        return -1.0

    def score(self, requests: list[int]) -> list[int]:
        return requests


class Preloading:
    """Names a module that does not exist."""

    preload = ("json", "no_such_module_anywhere")

    def score(self, requests: list[int]) -> list[int]:
        return requests


class NoScore:
    """Has no method to score with."""


class Unannotated:
    """Takes any JSON."""

    def score(self, requests):  # type: ignore[no-untyped-def]
        return requests


class Asynchronous:
    """Was written for an event loop."""

    async def score(self, requests: list[int]) -> list[int]:
        return requests


NUMBER = 3


# Where this module is imported, apart from the server.
_SECRETS = [name for name in os.environ if "JWT_SECRET" in name]


def secrets(request: Any) -> list[str]:
    """Answer with the secrets that its environment has and had."""
    return _SECRETS + [name for name in os.environ if "JWT_SECRET" in name]


def repeat(request: int) -> str:
    """Answer with as many MiB."""
    return "x" * (request << 20)
