"""What becomes of the messages that an application sends and receives, with real sockets on the loopback."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.types import Message, Receive, Scope, Send

from service.connections.limits import BODY_BUFFER_BYTES
from tests.support.connection_server import GET, POST, connection_server
from tests.support.event_loop import run

GET_OLD = b"GET / HTTP/1.0\r\n\r\n"


def start(status: int = 200, **headers: str) -> Message:
    """Return the start of a response."""
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": fields}


def piece(body: bytes, *, more: bool = False) -> Message:
    """Return a piece of a response's body."""
    return {"type": "http.response.body", "body": body, "more_body": more}


class Script:
    """An application that sends fixed messages; `faults` has what `send` raised."""

    def __init__(self, *messages: Message) -> None:
        self._messages = messages
        self.faults: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            for message in self._messages:
                await send(message)
        except RuntimeError as error:
            self.faults.append(str(error))
            raise


def response_to(request: bytes, app: Script) -> bytes:
    """Return all that a client gets before the connection is closed, without the date."""

    async def scenario() -> bytes:
        async with connection_server(app) as server, server.connect() as client:
            await client.send(request)
            try:
                return await client.rest()
            except ConnectionResetError:
                return b""

    return run(scenario())


CLOSING = (GET % 1).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize(
    ("pieces", "raw"),
    [
        ([b"ab", b"", b"cde"], b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"),
        ([b"", b""], b"0\r\n\r\n"),
        ([b"x" * 20_000, b"y"], b"4e20\r\n" + b"x" * 20_000 + b"\r\n1\r\ny\r\n0\r\n\r\n"),
    ],
)
def test_a_body_of_unknown_length_is_sent_in_chunks(pieces: Sequence[bytes], raw: bytes) -> None:
    """HTTP/1.0 has no chunks: there the end of the connection is the end of the body (RFC 9112, 6.3)."""
    bodies = [piece(each, more=number + 1 < len(pieces)) for number, each in enumerate(pieces)]

    head, _, body = response_to(CLOSING, Script(start(), *bodies)).partition(b"\r\n\r\n")
    old_head, _, old_body = response_to(GET_OLD, Script(start(), *bodies)).partition(b"\r\n\r\n")

    assert b"transfer-encoding: chunked" in head
    assert body == raw
    assert b"transfer-encoding" not in old_head
    assert old_body == b"".join(pieces)


def test_a_body_in_one_piece_gets_its_length() -> None:
    """The application need not say it."""
    answer = response_to(CLOSING, Script(start(), piece(b"abc")))

    assert answer.endswith(b"content-length: 3\r\nconnection: close\r\n\r\nabc")


@pytest.mark.parametrize(
    ("request_bytes", "status"), [(CLOSING.replace(b"GET", b"HEAD"), 200), (CLOSING, 204), (CLOSING, 304)]
)
def test_responses_without_a_body(request_bytes: bytes, status: int) -> None:
    """RFC 9110, 6.4.1: whatever the application sends."""
    for messages in ((piece(b"abc"),), (piece(b"abc", more=True), piece(b"def"))):
        answer = response_to(request_bytes, Script(start(status), *messages))

        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert answer.endswith(b"\r\nconnection: close\r\n\r\n")
        assert b"transfer-encoding" not in answer


@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        ([piece(b"a")], "before its start"),
        ([start(), start()], "one start"),
        ([start(x="a\r\nb: c"), piece(b"a")], "line break"),
        ([start(x="a\nb"), piece(b"a")], "line break"),
        ([start(x="a\rb"), piece(b"a")], "line break"),
        ([start(content_length="1"), piece(b"ab")], "not as long"),
        ([start(content_length="3"), piece(b"ab")], "not as long"),
        ([start(content_length="3"), piece(b"ab", more=True), piece(b"")], "not as long"),
    ],
)
def test_messages_that_make_no_response_end_the_connection(messages: list[Message], fault: str) -> None:
    """The client sees that something is missing, instead of taking the next bytes for the answer."""
    script = Script(*messages)

    answer = response_to(GET % 1, script)

    assert [fault in each for each in script.faults] == [True]
    assert not answer.endswith(b"\r\n\r\nabc")
    assert b"x: a" not in answer


def test_an_application_that_does_not_answer_ends_the_connection() -> None:
    """As does one that stops in the middle of a body."""
    assert response_to(GET % 1, Script()) == b""
    assert response_to(GET % 1, Script(start())) == b""
    assert b"0\r\n\r\n" not in response_to(GET % 1, Script(start(), piece(b"a", more=True)))


def test_a_message_behind_the_response_is_refused() -> None:
    """The next request's client must not get it."""
    script = Script(start(), piece(b"a"), piece(b"b"))

    response_to(CLOSING, script)

    assert script.faults == ["the response is complete already"]


def test_an_old_client_is_told_that_the_connection_closes() -> None:
    """HTTP/1.0 has no connection that is kept, unless both sides say so."""
    answer = response_to(
        GET_OLD.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n"), Script(start(), piece(b"a"))
    )

    assert answer.endswith(b"connection: close\r\n\r\na")


def test_a_body_that_the_application_does_not_receive_is_not_read() -> None:
    """The network holds it back, and what was read is bounded."""
    received: list[Message] = []
    proceed = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await proceed.wait()
        while not received or received[-1].get("more_body"):
            received.append(await receive())
        await send(start())
        await send(piece(b"done"))

    async def scenario() -> None:
        size = 20_000_000
        async with connection_server(app) as server, server.connect() as client:
            sending = asyncio.create_task(client.send(POST % size + bytes(size)))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(sending), 0.3)
            proceed.set()
            await sending
            assert (await client.answer())[2] == b"done"
            assert len(received[0]["body"]) < BODY_BUFFER_BYTES * 8
            assert sum(len(message["body"]) for message in received) == size

    run(scenario())


@pytest.mark.parametrize("size", [BODY_BUFFER_BYTES + 1, BODY_BUFFER_BYTES * 3 // 2, BODY_BUFFER_BYTES * 20])
def test_a_connection_is_used_again_behind_large_bodies(size: int) -> None:
    """Reading pauses while a body waits, and goes on for the next request although no more of it was waited for."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.02)  # meanwhile more comes than may wait
        left = size
        while left:
            left -= len((await receive())["body"])
        await send(start())
        await send(piece(b"done"))

    async def scenario() -> None:
        async with connection_server(app) as server, server.connect() as client:
            for _ in range(5):
                await client.send(POST % size + bytes(size))
                assert (await client.answer())[2] == b"done"

    run(scenario())


def test_the_last_message_is_sent_when_the_kernel_has_all_of_it() -> None:
    """The sender then knows that nothing of the response is held for a client that does not read."""
    sending, sent = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        sending.set()
        await send(piece(bytes(20_000_000)))
        sent.set()

    async def scenario() -> None:
        async with connection_server(app) as server, server.connect() as client:
            await client.send(GET % 1)
            await sending.wait()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(sent.wait(), 0.1)
            assert len((await client.answer())[2]) == 20_000_000
            await sent.wait()

    run(scenario())


def test_receiving_behind_the_response_is_a_disconnect() -> None:
    """ASGI, HTTP: the client may as well have left."""
    received: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(piece(b"a"))
        received.append(await receive())

    async def scenario() -> None:
        async with connection_server(app) as server, server.connect() as client:
            await client.send(GET % 1)
            await client.answer()
            await client.send(GET % 2)
            await client.answer()

    run(scenario())
    assert [message["type"] for message in received] == ["http.disconnect"] * 2


def test_the_scope_is_of_its_request() -> None:
    """The path is decoded, the query is not, and what a request adds to the state is gone with it."""
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append({**scope, "state": dict(scope["state"])})
        scope["state"]["added"] = True
        await send(start())
        await send(piece(b"a"))

    async def scenario() -> None:
        async with connection_server(app) as server, server.connect() as client:
            for _ in range(2):
                await client.send(b"GET /a%20b%2Fc?d=%20&e=?f HTTP/1.1\r\nHost: a\r\n\r\n")
                await client.answer()

    run(scenario())
    for scope in scopes:
        assert (scope["path"], scope["raw_path"], scope["query_string"]) == (
            "/a b/c",
            b"/a%20b%2Fc",
            b"d=%20&e=?f",
        )
        assert (scope["client"][0], scope["scheme"], scope["http_version"]) == ("127.0.0.1", "http", "1.1")
        assert scope["state"] == {}
