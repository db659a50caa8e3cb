"""Runs a blocking call beside the event loop, in a thread that the interpreter's exit does not wait for."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def run_blocking(call: Callable[[], T]) -> "asyncio.Future[T]":
    """Start `call` in a daemon thread of its own and return its end as a future of this loop.

    For the few calls that may never come back, as those to a fork server that was stopped:
    `asyncio.to_thread` and every executor of threads are joined at exit, and then the server would not end.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only where T is None

    def run() -> None:
        result, failure = None, None
        try:
            result = call()
        except BaseException as error:
            failure = error
        # The loop may be closed by now, and then nobody waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, failure)

    Thread(target=run, name="blocking call", daemon=True).start()
    return future
