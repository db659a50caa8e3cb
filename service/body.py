"""Reading a request's body, and noticing that its sender has left."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.types import Receive

from service.errors import ServiceError
from service.negotiation import body_too_large

Result = TypeVar("Result")


class ClientLeft(ServiceError):  # noqa: N818 - it is an outcome, not a fault
    """The connection ended before the answer was ready: there is nobody to tell."""


async def read_body(receive: Receive, limit: int) -> bytes:
    """Return the whole body of at most `limit` bytes.

    Raises: Refused (`body_too_large`), ClientLeft.
    """
    pieces: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft("while sending the body")
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise body_too_large(limit)
        pieces.append(piece)
        more = message.get("more_body", False)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def while_connected(receive: Receive, work: Awaitable[Result]) -> Result:
    """Await `work`, which is cancelled when the client leaves; the body must have been read before.

    Raises: ClientLeft.
    """
    task = asyncio.current_task()
    assert task is not None
    watcher = asyncio.create_task(_cancel_when_left(receive, task))
    try:
        return await work
    except asyncio.CancelledError:
        if not watcher.done():
            raise  # the server is ending, not the client
        task.uncancel()
        raise ClientLeft("while waiting for the answer") from None
    finally:
        watcher.cancel()


async def _cancel_when_left(receive: Receive, task: asyncio.Task[object]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    task.cancel()
