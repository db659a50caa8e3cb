"""Attacks with sockets against the running service, at a small scale; each is refused or bounded."""

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
    """Run a server that is quick to lose patience."""
    with running_server(demo_bundle, workers=1, header_timeout_s=1, body_timeout_s=1) as server:
        server.await_ready()
        yield server


@pytest.fixture
def target(server: Server) -> Target:
    """Return the server as its attackers see it."""
    return Target(server.address[1], server.header_lines.encode(), 20.0)


# What somebody in front of the service might read as one request, and the service as two.
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
def test_what_could_be_two_requests_is_none(target: Target, fields: bytes) -> None:
    """One answer, 400, and the connection is closed: what follows is not looked at."""

    async def scenario() -> None:
        async with target.connection() as (reader, writer):
            writer.write(GET.replace(b"GET", b"POST")[:-2] + fields + GET)
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1 4") + answer.count(b"HTTP/1.1 2") == 1
        assert b"connection: close" in answer

    asyncio.run(scenario())


def test_heads_without_end_in_size(target: Target) -> None:
    """431 long before they are whole."""
    assert asyncio.run(header_bomb(target, 8)).count("431 after") == 2


def test_chunks_of_one_byte(target: Target) -> None:
    """400 once it is clear that their framing outweighs them."""
    assert asyncio.run(tiny_chunks(target, 200_000)).startswith("400 after")


def test_heads_without_end_in_time(target: Target) -> None:
    """Closed when their time is up."""
    assert asyncio.run(slow_heads(target, 20)).startswith("20 × closed")


def test_bodies_without_end_in_time(target: Target) -> None:
    """408 when their time is up."""
    assert asyncio.run(slow_bodies(target, 20)).startswith("20 × 408")


def test_many_pipelined_requests(target: Target) -> None:
    """Every one is answered, in its turn."""
    assert asyncio.run(pipelined(target, 2_000)) == "2,000 of 2,000 answered"


def test_many_idle_connections(target: Target) -> None:
    """They do not keep others out, and are closed."""
    assert asyncio.run(idle(target, 200)).endswith("200 × closed")


def test_requests_that_are_abandoned(server: Server, target: Target) -> None:
    """Nothing of them is left."""
    asyncio.run(abandoned(target, 100))

    assert server.score().status == 200
    assert server.metrics()["http_server_active_requests"] == 1  # the one that asks


def test_nonsense_is_answered_and_closed(target: Target) -> None:
    """TLS, HTTP/2, other protocols, noise."""

    async def scenario(data: bytes) -> str:
        async with target.connection() as (reader, writer):
            writer.write(data)
            return await end_of(reader, 20.0)

    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\n", b"PRI * HTTP/2.0\r\n\r\n", b"EHLO a\r\n\r\n"):
        assert asyncio.run(scenario(data)) == "400"
