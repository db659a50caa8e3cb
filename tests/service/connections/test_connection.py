"""How a connection passes requests to the application, with real sockets on the loopback."""

import asyncio
import json

import pytest

from service.connections.limits import MAX_HEAD_BYTES
from tests.support.connection_server import GET, POST, connection_server
from tests.support.event_loop import run

CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_connection_is_used_again() -> None:
    """It serves several requests one after the other, with and without bodies."""

    async def scenario() -> None:
        async with connection_server() as server, server.connect() as client:
            for i in range(3):
                await client.send(GET % i)
                assert (await client.answer())[2] == b"GET /%d " % i
                await client.send(POST % 3 + b"abc")
                assert (await client.answer())[2] == b"POST / abc"

    run(scenario())


def test_an_absolute_target_is_served() -> None:
    """As clients send it that take the service for a proxy."""

    async def scenario() -> None:
        async with connection_server() as server, server.connect() as client:
            await client.send(b"POST http://b:80/in HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
            assert (await client.answer())[2] == b"POST /in abc"
            await client.send(b"GET HTTP://b HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await client.answer())[2] == b"GET / "
            assert [fields[b"host"] for fields in server.echo.headers] == [b"b:80", b"b"]

    run(scenario())


def test_bytes_may_come_one_at_a_time() -> None:
    """The requests are read alike wherever the network splits them."""

    async def scenario() -> None:
        chunked = CHUNKED + b"3\r\nabc\r\n0\r\nX: y\r\n\r\n"
        async with connection_server() as server, server.connect() as client:
            for byte in POST % 3 + b"abc" + chunked + GET % 7:
                await client.send(bytes([byte]))
                await asyncio.sleep(0)
            assert [(await client.answer())[2] for _ in range(3)] == [
                b"POST / abc",
                b"POST / abc",
                b"GET /7 ",
            ]

    run(scenario())


def test_pipelined_requests_are_answered_in_order_one_at_a_time() -> None:
    """However many there are, only one at a time is in the application."""
    count = 3_000

    async def scenario() -> None:
        async with connection_server() as server, server.connect() as client:
            sending = asyncio.create_task(client.send(b"".join(GET % i for i in range(count))))
            answers = [(await client.answer())[2] for _ in range(count)]
            await sending
            assert answers == [b"GET /%d " % i for i in range(count)]
            assert server.echo.most == 1

    run(scenario())


def test_pipelined_requests_are_not_read_ahead() -> None:
    """While a request is served the connection takes a bounded number of bytes from the network."""

    async def scenario() -> None:
        async with connection_server() as server, server.connect() as client:
            await client.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            sending = asyncio.create_task(client.send((GET % 1) * 1_000_000))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(sending), 0.3)
            assert server.echo.entered == 1
            sending.cancel()

    run(scenario())


def test_a_request_behind_a_chunked_body_is_a_request_of_its_own() -> None:
    """The message ends with its chunks, and a trailer field does not become a header."""

    async def scenario() -> None:
        body = b"5\r\nGET /\r\n0\r\nAuthorization: x\r\n\r\n"
        async with connection_server() as server, server.connect() as client:
            await client.send(CHUNKED + body + GET % 1)
            assert [(await client.answer())[2] for _ in range(2)] == [b"POST / GET /", b"GET /1 "]
            assert b"authorization" not in server.echo.headers[0]

    run(scenario())


def test_an_answer_to_head_has_no_body() -> None:
    """The next answer follows the head directly."""

    async def scenario() -> None:
        async with connection_server() as server, server.connect() as client:
            await client.send((GET % 1).replace(b"GET", b"HEAD") + GET % 2)
            head = await client.reader.readuntil(b"\r\n\r\n")
            assert b"content-length: 8" in head
            assert (await client.answer())[2] == b"GET /2 "

    run(scenario())


def test_an_offer_to_upgrade_is_ignored() -> None:
    """The body is read as HTTP/1.1, and the connection serves the next request."""

    async def scenario() -> None:
        offer = (POST % 3).replace(b"Host", b"Connection: Upgrade\r\nUpgrade: h2c\r\nHost") + b"abc"
        async with connection_server() as server, server.connect() as client:
            await client.send(offer + GET % 1)
            assert [(await client.answer())[2] for _ in range(2)] == [b"POST / abc", b"GET /1 "]

    run(scenario())


def test_expect_100_continue_is_answered() -> None:
    """The client sends the body after the interim answer."""

    async def scenario() -> None:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        async with connection_server() as server, server.connect() as client:
            await client.send(head)
            assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
            await client.send(b"abc")
            assert (await client.answer())[2] == b"POST / abc"

    run(scenario())


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400, "invalid_request"),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400, "invalid_request"),
        (POST % 3 + b"abcGARBAGE\r\n\r\n", 400, "invalid_request"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "invalid_request",
        ),
        (CHUNKED + b"x\r\n", 400, "invalid_request"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
            400,
            "invalid_request",
        ),
        (
            CHUNKED + b"1\r\nx\r\n" * 9_000,
            400,
            "invalid_request",
        ),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD_BYTES, 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 70 + b"\r\n", 431, "headers_too_large"),
        (b"FOO-BAR / HTTP/1.1\r\n\r\n", 400, "invalid_request"),
        (b"\x16\x03\x01\x02\x00\x01\n", 400, "invalid_request"),
    ],
)
def test_an_invalid_request_is_refused_and_the_connection_closed(raw: bytes, status: int, code: str) -> None:
    """The problem follows the answers of the requests before it, and the observer records it."""

    async def scenario() -> None:
        async with connection_server() as server, server.connect() as client:
            await client.send(raw)
            found, headers, body = await client.answer()
            if found == 200:
                found, headers, body = await client.answer()
            assert (found, json.loads(body)["code"]) == (status, code)
            assert headers["content-type"] == "application/problem+json"
            assert headers["connection"] == "close"
            assert headers["x-request-id"] == json.loads(body)["request_id"]
            assert await client.rest() == b""
            assert [record.code for record in server.recorder.over] == [code]

    run(scenario())


def test_a_refusal_reaches_a_client_that_is_still_sending() -> None:
    """The server reads on before it closes: closing with unread bytes would send a reset that discards the answer."""

    async def scenario() -> None:
        async with connection_server() as server, server.connect() as client:
            sending = asyncio.create_task(client.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 3_000_000))
            assert (await client.answer())[0] == 431
            await asyncio.gather(sending, return_exceptions=True)

    run(scenario())


@pytest.mark.parametrize(
    "first", [b"\x16\x03\x01\x02\x00", b"GET /\r\n", b"\x00", b"hello", b"PRI * HTTP/2.0\r\n"]
)
def test_first_bytes_that_begin_no_request_are_refused_at_once(first: bytes) -> None:
    """The client gets its answer although its time for a head has not passed; the log gets its address."""

    async def scenario() -> None:
        async with connection_server(head_s=3_600) as server, server.connect() as client:
            await client.send(first)
            status, headers, _ = await client.answer()
            assert (status, headers["connection"]) == (400, "close")
            assert [record.client for record in server.recorder.over] == ["127.0.0.1"]

    run(scenario())


def test_an_empty_line_before_a_request_is_ignored() -> None:
    """Its two bytes may come one at a time."""

    async def scenario() -> None:
        async with connection_server() as server, server.connect() as client:
            for byte in b"\r\n" + GET % 1:
                await client.send(bytes([byte]))
                await asyncio.sleep(0)
            assert (await client.answer())[2] == b"GET /1 "

    run(scenario())
