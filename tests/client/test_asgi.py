"""The middleware for services that call: headers are passed on, and a client that disconnects ends its request."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from scorepool_client.asgi import Message, PassingOn, Receive, Send
from scorepool_client.passing_on import Origin, current_origin

SCOPE = {"type": "http", "headers": [(b"x-request-id", b"ours-1"), (b"x-request-timeout-ms", b"900")]}

BODY = {"type": "http.request", "body": b"", "more_body": False}

GONE = {"type": "http.disconnect"}

ANSWER = {"type": "http.response.body", "body": b"", "more_body": False}


class Connection:
    """Gives an application the messages that are put into it, and takes what it sends."""

    def __init__(self, *messages: Message) -> None:
        self.arriving: asyncio.Queue[Message] = asyncio.Queue()
        self.sent: list[Message] = []
        for message in messages:
            self.arriving.put_nowait(message)

    async def send(self, message: Message) -> None:
        """Take a message."""
        self.sent.append(message)

    async def serve(self, app: Any) -> None:
        """Run one request."""
        await PassingOn(app)(dict(SCOPE), self.arriving.get, self.send)


def test_a_request_runs_within_what_it_passes_on() -> None:
    """And nothing of it is left after it."""
    seen: list[Origin] = []

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        assert await receive() == BODY
        seen.append(current_origin())
        await send(ANSWER)

    async def run() -> Origin:
        await Connection(BODY).serve(app)
        return current_origin()

    assert asyncio.run(run()) == Origin()
    assert (seen[0].request_id, seen[0].timeout_s) == ("ours-1", 0.9)


def test_a_client_that_disconnects_ends_its_request() -> None:
    """The request's task is cancelled where it waits, and the server sees no exception."""
    ended: list[str] = []
    connection = Connection(BODY)

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        connection.arriving.put_nowait(GONE)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    asyncio.run(connection.serve(app))

    assert ended == ["cancelled"]


def test_work_after_the_answer_is_not_ended() -> None:
    """As that of background tasks; the application still learns that the client is gone, as often as it asks."""
    seen: list[Message] = []
    connection = Connection(BODY)

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send(ANSWER)
        connection.arriving.put_nowait(GONE)
        seen.extend([await receive(), await receive()])

    asyncio.run(connection.serve(app))

    assert seen == [GONE, GONE]
    assert connection.sent == [ANSWER]


def test_an_exception_is_the_servers() -> None:
    """And one that cancels the server's task reaches the application."""

    async def failing(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        raise LookupError

    async def waiting(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    async def cancelled() -> None:
        task = asyncio.create_task(Connection().serve(waiting))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(LookupError):
        asyncio.run(Connection().serve(failing))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())


def test_other_connections_pass() -> None:
    """Lifespan and web sockets are the application's own."""
    seen: list[str] = []

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def nothing(*_: object) -> Any:
        raise AssertionError

    asyncio.run(PassingOn(app)({"type": "lifespan"}, nothing, nothing))

    assert seen == ["lifespan"]
