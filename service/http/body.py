"""Reading a request's body, and noticing that its client has disconnected."""

import asyncio
from types import TracebackType
from typing import Any, Self

from starlette.types import Receive

from service.errors import ServiceError
from service.http.headers import body_too_large

# A disconnect is only watched for once a request has taken this long: most are answered sooner. The time of a body
# is checked as often.
WATCH_AFTER_S = 0.05


class ClientDisconnected(ServiceError):  # noqa: N818 - it is an outcome, not a fault
    """The connection ended before the answer was ready: there is no client to answer."""


class BodyTimeout(ServiceError):  # noqa: N818 - it is an outcome, not a fault
    """The body was not complete in its time."""


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
            raise ClientDisconnected
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise body_too_large(limit)
        pieces.append(piece)
        more = message.get("more_body", False)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class RequestWatch:
    """Cancels a request's task when its body's time is up, or when its client disconnects while it is scored.

    A context manager in that task. One timer does for both, and is most often cancelled before it is due.
    """

    def __init__(self, receive: Receive, body_timeout_s: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._receive = receive
        self._request: asyncio.Task[Any] = task
        self._loop = task.get_loop()
        self._body_ends: float | None = self._loop.time() + body_timeout_s
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._late = self._disconnected = False

    def __enter__(self) -> Self:
        """Begin, before the body is read."""
        self._set_timer()
        return self

    def body_read(self) -> None:
        """Note that the body was read; from now on only a disconnect is watched for."""
        self._body_ends = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End. Raises: BodyTimeout, ClientDisconnected, instead of the cancellation that each is."""
        if self._timer is not None:
            self._timer.cancel()
        # The watcher holds this object: without the reference back there is no cycle to keep the request in memory.
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()
        if kind is asyncio.CancelledError and (self._late or self._disconnected):
            self._request.uncancel()
            raise BodyTimeout if self._late else ClientDisconnected from None

    def _set_timer(self) -> None:
        soon = self._loop.time() + WATCH_AFTER_S
        self._timer = self._loop.call_at(min(soon, self._body_ends or soon), self._check)

    def _check(self) -> None:
        self._timer = None
        if self._body_ends is None:
            self._watcher = self._loop.create_task(self._watch())
        elif self._loop.time() < self._body_ends:
            self._set_timer()
        else:
            self._late = True
            self._request.cancel()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._disconnected = True
        self._request.cancel()
