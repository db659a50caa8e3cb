"""Reading a request's body, and noticing that its client has disconnected."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from starlette.types import Receive

from service.errors import ServiceError
from service.http.headers import body_too_large

Result = TypeVar("Result")

# A disconnect is only watched for once a request has taken this long: most are answered sooner.
WATCH_AFTER_S = 0.05


class ClientDisconnected(ServiceError):  # noqa: N818 - it is an outcome, not a fault
    """The connection ended before the answer was ready: there is no client to answer."""


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
    """Await `work`, which is cancelled when the client disconnects; the body must have been read before.

    Raises: ClientDisconnected.
    """
    task = asyncio.current_task()
    assert task is not None
    watcher = _DisconnectWatcher(receive, task)
    timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, watcher.start)
    try:
        return await work
    except asyncio.CancelledError:
        if not watcher.disconnected:
            raise  # the server is ending, not the client
        task.uncancel()
        raise ClientDisconnected("while waiting for the answer") from None
    finally:
        timer.cancel()
        watcher.stop()


class _DisconnectWatcher:
    """Cancels a request's task when its client disconnects."""

    def __init__(self, receive: Receive, request: asyncio.Task[Any]) -> None:
        self._receive = receive
        self._request = request
        self._watching: asyncio.Task[None] | None = None
        self.disconnected = False

    def start(self) -> None:
        self._watching = asyncio.create_task(self._run())

    def stop(self) -> None:
        # The task holds this object: without the reference back there is no cycle to keep the request in memory.
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()

    async def _run(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.disconnected = True
        self._request.cancel()
