"""Runs a function in a fresh process, for code that may end the process, hang, or leave threads in it.

What it prints goes to standard error, and standard input is empty.
"""

import multiprocessing
import os
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from signal import Signals
from typing import Any, TypeVar, cast

from service.scorers.reference import ScorerError

T = TypeVar("T")


def run_apart(call: Callable[[], T], timeout_s: float) -> T:
    """Return what `call` returns in a process of its own; both must be picklable.

    Raises: ScorerError where it raises that, ends its process, or takes longer.
    """
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(call, sending), daemon=True)
    process.start()
    sending.close()
    try:
        # Whichever comes first: a pipe that a child of the process holds open does not end with it.
        if not wait([receiving, process.sentinel], timeout_s):
            raise ScorerError(f"it did not end within {timeout_s:g} s")
        with suppress(EOFError):
            if receiving.poll():
                return cast("T", _received(receiving))
        process.join()
        raise ScorerError(f"it ended its process with {_ending(process)}")
    finally:
        process.kill()
        process.join()
        receiving.close()


def _run(call: Callable[[], Any], sending: Connection) -> None:
    os.dup2(2, 1)
    try:
        sending.send((call(), ""))
    except ScorerError as error:
        sending.send((None, str(error)))


def _received(receiving: Connection) -> object:
    result, fault = receiving.recv()
    if fault:
        raise ScorerError(fault)
    return result


def _ending(process: Any) -> str:
    code = process.exitcode or 0
    return Signals(-code).name if -code in set(Signals) else f"status {code}"
