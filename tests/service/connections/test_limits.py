"""Time limits and the connection limit, with real sockets on the loopback."""

import asyncio
from typing import cast

import pytest

from service.connections.connection import Connection
from service.connections.limits import share_of_files
from service.observability.request_record import DISCARD_BYTES
from service.settings import SettingsError
from tests.support.connection_server import GET, POST, connection_server
from tests.support.event_loop import run
from tests.support.prometheus_samples import parse_samples


def test_a_head_has_a_time_limit() -> None:
    """A connection that sends nothing or an incomplete head is closed."""

    async def scenario() -> None:
        async with (
            connection_server(head_s=0.05) as server,
            server.connect() as silent,
            server.connect() as slow,
        ):
            await slow.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
            assert await silent.rest() == b""
            assert await slow.rest() == b""
            assert server.echo.entered == 0

    run(scenario())


def test_the_head_of_a_second_request_has_a_time_limit() -> None:
    """The time begins with its first byte, not with the idle time before it."""

    async def scenario() -> None:
        async with connection_server(head_s=0.05) as server, server.connect() as client:
            await client.send(GET % 1)
            await client.answer()
            await asyncio.sleep(0.1)
            await client.send(b"GET /2")
            assert await client.rest() == b""
            assert server.echo.paths == ["/1"]

    run(scenario())


def test_an_idle_connection_is_closed() -> None:
    """It is closed after the keep-alive time."""

    async def scenario() -> None:
        async with connection_server(keep_alive_s=0.05) as server, server.connect() as client:
            await client.send(GET % 1)
            await client.answer()
            assert await client.rest() == b""

    run(scenario())


def test_a_body_has_a_time_limit() -> None:
    """The connection is closed if the application does not answer, and the application gets a disconnect."""

    async def scenario() -> None:
        async with connection_server(body_s=0.05) as server, server.connect() as client:
            await client.send(POST % 10 + b"abc")
            assert await client.rest() == b""
            assert server.echo.disconnects == 1

    run(scenario())


def test_the_body_of_a_request_that_was_answered_early_is_skipped() -> None:
    """The connection serves the next request."""

    async def scenario() -> None:
        async with connection_server() as server, server.connect() as client:
            await client.send(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
            assert (await client.answer())[0] == 200
            await client.send(b"x" * 100_000 + GET % 1)
            assert (await client.answer())[2] == b"GET /1 "

    run(scenario())


def test_a_large_body_of_a_request_that_was_answered_early_is_not_read() -> None:
    """The connection is closed, but the answer arrives."""

    async def scenario() -> None:
        head = b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (DISCARD_BYTES * 20)
        async with connection_server() as server, server.connect() as client:
            sending = asyncio.create_task(client.send(head + b"x" * DISCARD_BYTES * 20))
            assert (await client.answer())[0] == 200
            await client.rest()
            await asyncio.gather(sending, return_exceptions=True)

    run(scenario())


def test_a_client_that_does_not_read_is_cut_off() -> None:
    """The connection is closed after the time limit for writing."""

    async def scenario() -> None:
        async with connection_server(write_s=0.05) as server, server.connect() as client:
            server.echo.extra_bytes = 20_000_000
            await client.send(GET % 1)
            while not server.echo.entered or server.state.connections:
                await asyncio.sleep(0.01)
            assert repr(server.connections) == "<OpenConnections 0 of 100, 0 idle>"

    run(scenario())


def test_a_half_closed_connection_is_a_disconnect() -> None:
    """The server cannot tell half-closed from closed; the application gets a disconnect."""

    async def scenario() -> None:
        async with connection_server() as server, server.connect() as client:
            await client.send(POST % 10 + b"abc")
            client.writer.write_eof()
            await client.rest()
            while not server.echo.disconnects:
                await asyncio.sleep(0)

    run(scenario())


def test_a_client_that_closes_its_side_behind_a_request_gets_no_answer() -> None:
    """Its request is given up, although it is complete, as by nginx in front of an application and by Go."""

    async def scenario() -> None:
        async with connection_server() as server, server.connect() as client:
            await client.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            while not server.echo.active:
                await asyncio.sleep(0)
            client.writer.write_eof()
            assert await client.rest() == b""
            server.echo.released.set()
            while server.echo.active:
                await asyncio.sleep(0)

    run(scenario())


@pytest.mark.parametrize(
    ("files", "workers", "connections"), [(20_000, 2, 10_000), (1024, 64, 96), (64, 2, 4)]
)
def test_connections_leave_files_for_the_workers(files: int, workers: int, connections: int) -> None:
    """With the last file taken nothing could be accepted, and so nothing be evicted either."""
    assert share_of_files(files, workers) == connections


def test_too_few_files_for_the_workers_are_refused() -> None:
    """In words that say what to change."""
    with pytest.raises(SettingsError, match=r"workers: 4 need more than 88 open files, 64 are allowed"):
        share_of_files(64, 4)


def test_the_connection_that_was_idle_longest_is_evicted() -> None:
    """A connection with a running request is never evicted for a new one."""

    async def scenario() -> None:
        async with (
            connection_server(limit=3) as server,
            server.connect() as busy,
            server.connect() as idle,
            server.connect(),
        ):
            await busy.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            while not server.echo.entered:
                await asyncio.sleep(0)
            async with server.connect() as fourth:
                assert await idle.rest() == b""
                await fourth.send(GET % 4)
                assert (await fourth.answer())[2] == b"GET /4 "
            server.echo.released.set()
            assert (await busy.answer())[0] == 200

    run(scenario())


def test_a_connection_whose_request_is_deferred_is_not_evicted() -> None:
    """It has been idle longest, but for the request that waits to begin."""

    async def scenario() -> None:
        async with (
            connection_server(limit=2, per_turn=0) as server,
            server.connect() as deferred,
            server.connect() as idle,
        ):
            await deferred.send(POST % 0)
            await server.deferred()
            async with server.connect():
                assert await idle.rest() == b""
                assert not deferred.reader.at_eof()

    run(scenario())


def test_a_deferred_request_is_answered_when_the_server_ends() -> None:
    """It was received; its client could not tell whether it was served."""

    async def scenario() -> None:
        async with connection_server(per_turn=0) as server, server.connect() as client:
            await client.send(POST % 3 + b"abc")
            await server.deferred()
            for connection in list(server.state.connections):
                cast("Connection", connection).shutdown()
            status, headers, body = await client.answer()
            assert (status, headers["connection"]) == (503, "close")
            assert b"draining" in body

    run(scenario())


def test_many_idle_connections_do_not_keep_a_request_out() -> None:
    """Each new connection evicts the one that has been idle longest."""

    async def scenario() -> None:
        async with connection_server(limit=10) as server:
            idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(50)]
            async with server.connect() as client:
                await client.send(GET % 1)
                assert (await client.answer())[0] == 200
            for _, writer in idle:
                writer.transport.abort()

    run(scenario())


def test_connections_are_counted_beside_their_limit() -> None:
    """Idle ones count; both are in the metrics."""

    async def scenario() -> None:
        async with (
            connection_server(limit=7) as server,
            server.connect() as first,
            server.connect() as second,
        ):
            for client in (first, second):
                await client.send(GET % 1)
                await client.answer()
            samples = parse_samples("".join(server.connections.families()).encode())
            assert samples == {"scorepool_connections": 2, "scorepool_connections_limit": 7}

    run(scenario())
