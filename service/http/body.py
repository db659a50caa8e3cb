"""Reading a request's body, and noticing that its sender has left."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from starlette.types import Receive

from service.errors import ServiceError
from service.http.headers import body_too_large

Result = TypeVar("Result")


# A request that is answered sooner is not worth a look whether its client is still there.
WATCH_AFTER_S = 0.05


class ClientDisconnected(ServiceError):  # noqa: N818 - it is an outcome, not a fault
    """The connection ended before the answer was ready: there is nobody to tell."""


async def read_body(receive: Receive, limit: int) -> bytes:
    """Return the whole body of at most `limit` bytes.

    Raises: Refused (`body_too_large`), ClientDisconnected.
    """
    pieces: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected("while sending the body")
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise body_too_large(limit)
        pieces.append(piece)
        more = message.get("more_body", False)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def cancel_on_disconnect(receive: Receive, work: Awaitable[Result]) -> Result:
    """Await `work`, which is cancelled when the client leaves; the body must have been read before.

    Raises: ClientDisconnected.
    """
    task = asyncio.current_task()
    assert task is not None
    watch = _DisconnectWatcher(receive, task)
    timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, watch.begin)
    try:
        return await work
    except asyncio.CancelledError:
        if not watch.left:
            raise  # the server is ending, not the client
        task.uncancel()
        raise ClientDisconnected("while waiting for the answer") from None
    finally:
        timer.cancel()
        watch.end()


class _DisconnectWatcher:
    """Cancels a task when the client leaves."""

    def __init__(self, receive: Receive, task: asyncio.Task[Any]) -> None:
        self._receive = receive
        self._task = task
        self._watcher: asyncio.Task[None] | None = None
        self.left = False

    def begin(self) -> None:
        self._watcher = asyncio.create_task(self._run())

    def end(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()

    async def _run(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.left = True
        self._task.cancel()
