"""A middleware for the services that call: what a request brings is passed on, and its end ends the calls it made."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from scorepool_client.passing_on import passing_on

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class PassingOn:
    """Runs each request of an ASGI application (FastAPI, Starlette, Django, Litestar) within `passing_on`.

    It also cancels the request's task when its client disconnects before the answer is complete. Most frameworks let it
    run on, and with it the calls that no one waits for any more.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        with passing_on(headers):
            await _Request(self._app, scope, receive, send).run()


class _Request:
    """One request: a task for the application, and one that reads for it and sees the client disconnect."""

    def __init__(self, app: App, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        # One message: the client cannot send faster than the application reads.
        self._messages: asyncio.Queue[Message] = asyncio.Queue(maxsize=1)
        self._gone: Message | None = None
        self._answered = False
        self._serving = asyncio.ensure_future(app(scope, self._next, self._note))

    async def run(self) -> None:
        reading = asyncio.create_task(self._read())
        try:
            await self._serving
        except asyncio.CancelledError:
            if self._gone is None:
                raise
        finally:
            reading.cancel()

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._gone = message
                # After the answer the task may have work left that is not for the client.
                if not self._answered:
                    self._serving.cancel()
            await self._messages.put(message)
            if self._gone is not None:
                return

    async def _next(self) -> Message:
        if self._gone is not None:
            return self._gone
        return await self._messages.get()

    async def _note(self, message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self._answered = True
        await self._send(message)
