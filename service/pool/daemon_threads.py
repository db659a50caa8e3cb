"""Runs blocking calls beside the event loop, in threads that the interpreter's exit does not wait for.

For the few calls that may never come back, as those to a fork server that was stopped: `asyncio.to_thread`
and every executor of threads are joined at exit, and then the server would not end.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


class SerialThread:
    """One daemon thread that takes calls one after the other and lives as long as the process."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        Thread(target=self._work, name=name, daemon=True).start()

    def run(self, call: Callable[[], T]) -> "asyncio.Future[T]":
        """Have `call` run after those before it; return its end as a future of the running loop."""
        future, work = _settled_by(call)
        self._calls.put(work)
        return future

    def _work(self) -> None:
        while True:
            self._calls.get()()


def run_blocking(call: Callable[[], T]) -> "asyncio.Future[T]":
    """Run `call` in a daemon thread of its own; return its end as a future of the running loop."""
    future, work = _settled_by(call)
    Thread(target=work, name="blocking call", daemon=True).start()
    return future


def _settled_by(call: Callable[[], T]) -> "tuple[asyncio.Future[T], Callable[[], None]]":
    """Return a future of the running loop, and what a thread does to settle it."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle_once(settle: Callable[[], None]) -> None:
        if not future.done():
            settle()

    def work() -> None:
        settle: Callable[[], None]
        try:
            result = call()
        except BaseException as error:
            settle = partial(future.set_exception, error)
        else:
            settle = partial(future.set_result, result)
        # A closed loop has no task that waits for the future.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle_once, settle)

    return future, work
