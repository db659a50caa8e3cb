"""Attacks with sockets on a running server, at a small scale; each is refused or bounded."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.attacks import (
    GET,
    Target,
    abandoned,
    end_of,
    header_bomb,
    idle,
    pipelined,
    slow_bodies,
    slow_heads,
    tiny_chunks,
)
from tests.support.server import Server, running_server


@pytest.fixture(scope="module")
def server(demo_bundle: Path) -> Iterator[Server]:
    """Run a server with short time limits."""
    with running_server(demo_bundle, workers=1, header_timeout_s=1, body_timeout_s=1) as server:
        server.await_ready()
        yield server


@pytest.fixture
def target(server: Server) -> Target:
    """Return the server as the target of attacks."""
    return Target(server.address[1], server.header_lines.encode(), 20.0)


# Request smuggling: a proxy in front of the service could read each of these as one request, the service as two.
SMUGGLING = (
    b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Content-Length: 40\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    b"Content-Length: 40\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"Content-Length: 40\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n",
    b"Content-Length: 0, 40\r\n\r\n",
    b"Content-Length: +0\r\n\r\n",
    b"X: y\r\n Content-Length: 40\r\n\r\n",
    b"X: y\rContent-Length: 40\r\n\r\n",
    b"X: y\nContent-Length: 40\r\n\r\n",
    b"Host: b\r\n\r\n",
    b"Content\x00-Length: 0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n0\n\n",
    b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n",
)


@pytest.mark.parametrize("fields", SMUGGLING)
def test_an_ambiguous_request_is_refused(target: Target, fields: bytes) -> None:
    """There is one answer, 400, and the connection is closed without reading the bytes that follow."""

    async def scenario() -> None:
        async with target.connection() as (reader, writer):
            writer.write(GET.replace(b"GET", b"POST")[:-2] + fields + GET)
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1 4") + answer.count(b"HTTP/1.1 2") == 1
        assert b"connection: close" in answer

    asyncio.run(scenario())


def test_heads_without_end_are_refused_by_size(target: Target) -> None:
    """The answer is 431 before they are complete."""
    assert asyncio.run(header_bomb(target, 8)).count("431 after") == 2


def test_chunks_of_one_byte_are_refused(target: Target) -> None:
    """The answer is 400 once the framing is far larger than the body."""
    assert asyncio.run(tiny_chunks(target, 200_000)).startswith("400 after")


def test_slow_heads_are_closed(target: Target) -> None:
    """The connection is closed after the time limit of a head."""
    assert asyncio.run(slow_heads(target, 20)).startswith("20 × closed")


def test_slow_bodies_are_refused(target: Target) -> None:
    """The answer is 408 after the time limit of a body."""
    assert asyncio.run(slow_bodies(target, 20)).startswith("20 × 408")


def test_many_pipelined_requests_are_answered(target: Target) -> None:
    """Every one of them gets its answer."""
    assert asyncio.run(pipelined(target, 2_000)) == "2,000 of 2,000 answered"


def test_many_idle_connections_are_closed(target: Target) -> None:
    """A further connection is served meanwhile."""
    assert asyncio.run(idle(target, 200)).endswith("200 × closed")


def test_abandoned_requests_leave_nothing(server: Server, target: Target) -> None:
    """The server still scores, and no request is counted as active."""
    asyncio.run(abandoned(target, 100))

    assert server.score().status == 200
    assert server.metrics()["http_server_active_requests"] == 1  # the request for the metrics


def test_other_protocols_are_refused(target: Target) -> None:
    """TLS, HTTP/2 and SMTP get 400, and the connection is closed."""

    async def scenario(data: bytes) -> str:
        async with target.connection() as (reader, writer):
            writer.write(data)
            return await end_of(reader, 20.0)

    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\n", b"PRI * HTTP/2.0\r\n\r\n", b"EHLO a\r\n\r\n"):
        assert asyncio.run(scenario(data)) == "400"
