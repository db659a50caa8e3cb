"""Reading a request's body, and noticing that its client has disconnected."""

import asyncio
from math import inf
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


class RequestWatches:
    """The watches of an endpoint's requests, with one timer for all; belongs to the event loop's thread.

    A timer for each request would take longer than all else of its watch, and is most often cancelled before it is due.
    """

    def __init__(self) -> None:
        self._watches: set[RequestWatch] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf

    def add(self, watch: "RequestWatch") -> None:
        """Have a watch checked when it is due."""
        self._watches.add(watch)
        if watch.due < self._timer_at:
            self._set_timer(watch.due)

    def discard(self, watch: "RequestWatch") -> None:
        """Have a watch checked no more."""
        self._watches.discard(watch)
        if not self._watches and self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_at = None, inf

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due, self._check)
        self._timer_at = due

    def _check(self) -> None:
        self._timer, self._timer_at = None, inf
        now = asyncio.get_running_loop().time()
        for watch in [watch for watch in self._watches if watch.due <= now]:
            watch.check(now)
        if self._watches:
            self._set_timer(min(watch.due for watch in self._watches))


class RequestWatch:
    """Cancels a request's task when its body's time is up, or when its client disconnects while it is scored.

    A context manager in that task. due: when it is to be checked.
    """

    def __init__(
        self,
        watches: RequestWatches,
        receive: Receive,
        loop: asyncio.AbstractEventLoop,
        body_timeout_s: float,
    ) -> None:
        task = asyncio.current_task(loop)
        assert task is not None
        now = loop.time()
        self._watches = watches
        self._receive = receive
        self._request: asyncio.Task[Any] = task
        self._body_ends = now + body_timeout_s
        self._body_read = False
        self.due = min(now + WATCH_AFTER_S, self._body_ends)
        self._watcher: asyncio.Task[None] | None = None
        self._late = self._disconnected = False

    def __enter__(self) -> Self:
        """Begin, before the body is read."""
        self._watches.add(self)
        return self

    def body_read(self) -> None:
        """Note that the body was read; from now on only a disconnect is watched for."""
        self._body_read = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End. Raises: BodyTimeout, ClientDisconnected, instead of the cancellation that each is."""
        self._watches.discard(self)
        # The watcher holds this object: without the reference back there is no cycle to keep the request in memory.
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()
        if kind is asyncio.CancelledError and (self._late or self._disconnected):
            self._request.uncancel()
            raise BodyTimeout if self._late else ClientDisconnected from None

    def check(self, now: float) -> None:
        """Look for what has become of the request since it was due."""
        if not self._body_read and now < self._body_ends:
            self.due = min(now + WATCH_AFTER_S, self._body_ends)
            return
        self._watches.discard(self)
        if self._body_read:
            self._watcher = self._request.get_loop().create_task(self._watch())
        else:
            self._late = True
            self._request.cancel()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._disconnected = True
        self._request.cancel()
