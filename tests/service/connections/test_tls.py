"""Connections with TLS and by Unix sockets keep the promises of plain ones, in the event loop that the service has."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from starlette.types import Receive, Scope, Send

from service.connections.certificate import Certificate
from service.connections.limits import WRITE_PROGRESS_BYTES
from tests.support.certificates import CertificateFiles, write_certificate
from tests.support.connection_server import GET, POST, Client, ConnectionServer, connection_server
from tests.support.event_loop import TIMEOUT_S

LARGE = 10_000_000

# Of a megabyte each: together several times what the kernel takes on both sides.
SLOW_READS = 30

Connect = Callable[[], AbstractAsyncContextManager[Client]]
Serve = Callable[..., AbstractAsyncContextManager[tuple[ConnectionServer, Connect]]]


def run(test: Coroutine[None, None, None]) -> None:
    """Run a test in uvloop."""
    uvloop.run(asyncio.wait_for(test, TIMEOUT_S))


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    """Return a certificate with its key."""
    return write_certificate(tmp_path)


@pytest.fixture
def certificate(files: CertificateFiles) -> Certificate:
    """Return what the server shows."""
    return Certificate(*files)


@pytest.fixture(params=["tls", "unix"])
def serve(request: pytest.FixtureRequest, tmp_path: Path, files: CertificateFiles) -> Serve:
    """Return what runs a server, and opens connections to it, with TLS or by a Unix socket."""

    @asynccontextmanager
    async def serve(**given: Any) -> AsyncIterator[tuple[ConnectionServer, Connect]]:
        if request.param == "tls":
            async with connection_server(certificate=Certificate(*files), **given) as server:
                yield server, lambda: server.connect(files.trusting)
        else:
            async with connection_server(path=tmp_path / "socket", **given) as server:
                yield server, server.connect

    return serve


def test_a_connection_is_used_again(serve: Serve) -> None:
    """With and without bodies, one after the other and pipelined."""

    async def scenario() -> None:
        async with serve() as (_, connect), connect() as client:
            for i in range(3):
                await client.send(GET % i + POST % 3 + b"abc")
                assert (await client.answer())[2] == b"GET /%d " % i
                assert (await client.answer())[2] == b"POST / abc"

    run(scenario())


def test_a_large_body_arrives_whole(serve: Serve) -> None:
    """In whatever pieces it is decrypted."""

    async def scenario() -> None:
        body = bytes(range(256)) * 20_000
        async with serve() as (_, connect), connect() as client:
            await client.send(POST % len(body) + body)
            assert (await client.answer())[2] == b"POST / " + body

    run(scenario())


def test_a_slow_reader_gets_a_large_answer_whole(serve: Serve) -> None:
    """While it takes enough within the time limit for writing, however many of those pass."""

    async def scenario() -> None:
        async with serve(write_s=0.3) as (server, connect), connect() as client:
            server.echo.extra_bytes = 4 * WRITE_PROGRESS_BYTES * SLOW_READS
            await client.send(GET % 1)
            await client.reader.readuntil(b"GET /1 ")
            for _ in range(SLOW_READS):
                await client.reader.readexactly(4 * WRITE_PROGRESS_BYTES)
                await asyncio.sleep(0.1)
            server.echo.extra_bytes = 0
            await client.send(GET % 2)
            assert (await client.answer())[2] == b"GET /2 "

    run(scenario())


def test_a_client_that_does_not_read_is_cut_off(serve: Serve) -> None:
    """After the time limit for writing."""

    async def scenario() -> None:
        async with serve(write_s=0.05) as (server, connect), connect() as client:
            server.echo.extra_bytes = LARGE
            await client.send(GET % 1)
            while not server.echo.entered or server.state.connections:
                await asyncio.sleep(0.01)

    run(scenario())


def test_an_answer_is_written_when_the_kernel_has_it(serve: Serve) -> None:
    """Until then the application waits, so that the memory of an answer is counted as long as it is held."""
    delivered = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"%d" % LARGE)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(LARGE), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        delivered.set()

    async def scenario() -> None:
        async with serve(app=app) as (_, connect), connect() as client:
            await client.send(GET % 1)
            await client.reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.1)  # for what goes wrong to show itself
            assert not delivered.is_set()
            await client.reader.readexactly(LARGE)
            await delivered.wait()

    run(scenario())


def test_a_refusal_reaches_a_client_that_is_still_sending(serve: Serve, files: CertificateFiles) -> None:
    """The server closes its side and reads on, so that the client can send all and then read."""

    def exchange(server: ConnectionServer) -> bytes:
        with ExitStack() as stack:
            if server.path is None:
                plain = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S))
                client = stack.enter_context(files.trusting.wrap_socket(plain, server_hostname="localhost"))
            else:
                client = stack.enter_context(socket.socket(socket.AF_UNIX))  # type: ignore[assignment]
                client.connect(str(server.path))
            client.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * LARGE)
            return client.recv(100)

    async def scenario() -> None:
        async with serve() as (server, _):
            assert (await asyncio.to_thread(exchange, server)).startswith(b"HTTP/1.1 431")

    run(scenario())


def test_an_answer_before_the_end_closes_whole(serve: Serve) -> None:
    """A connection that ends behind a large answer sends all of it first."""

    async def scenario() -> None:
        async with serve() as (server, connect), connect() as client:
            server.echo.extra_bytes = LARGE
            await client.send(b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert len(await client.rest()) > LARGE
            while server.state.connections:
                await asyncio.sleep(0.01)

    run(scenario())


def test_a_client_that_leaves_is_a_disconnect(serve: Serve) -> None:
    """In the middle of its body."""

    async def scenario() -> None:
        async with serve() as (server, connect):
            async with connect() as client:
                await client.send(POST % 10 + b"abc")
                while not server.echo.entered:
                    await asyncio.sleep(0)
            while not server.echo.disconnects or server.state.connections:
                await asyncio.sleep(0.01)

    run(scenario())


def test_the_oldest_idle_connection_is_evicted(serve: Serve) -> None:
    """To make room."""

    async def scenario() -> None:
        async with serve(limit=2) as (_, connect), connect() as oldest, connect(), connect() as third:
            assert await oldest.rest() == b""
            await third.send(GET % 3)
            assert (await third.answer())[2] == b"GET /3 "

    run(scenario())


def test_a_client_whose_handshake_is_deferred_is_read_no_further(certificate: Certificate) -> None:
    """However much it sends, little of that is in memory; and it waits in line once."""

    async def scenario() -> None:
        async with (
            connection_server(certificate=certificate, per_turn=0, head_s=0.2) as server,
            server.connect() as client,
        ):
            client.writer.write(bytes(LARGE))
            await server.deferred()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.writer.drain(), 0.1)

    run(scenario())


def test_a_client_without_a_handshake_is_evicted_and_timed(
    certificate: Certificate, files: CertificateFiles
) -> None:
    """It is counted from the first moment, and has the time for a head."""

    async def scenario() -> None:
        async with (
            connection_server(certificate=certificate, limit=2) as server,
            server.connect() as oldest,
            server.connect(),
            server.connect(files.trusting) as third,
        ):
            assert await oldest.rest() == b""
            await third.send(GET % 3)
            assert (await third.answer())[0] == 200
        async with (
            connection_server(certificate=certificate, head_s=0.05) as server,
            server.connect() as client,
        ):
            await client.send(b"\x16\x03\x01")
            assert await client.rest() == b""

    run(scenario())


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x00" * 100, b"\x16\x03\x01\x00\x05hello"]
)
def test_what_is_no_handshake_is_closed(certificate: Certificate, first: bytes) -> None:
    """At most an alert comes back, and nothing is served."""

    async def scenario() -> None:
        async with connection_server(certificate=certificate) as server, server.connect() as client:
            await client.send(first)
            assert len(await client.rest()) <= len(b"\x15\x03\x03\x00\x02..")
            assert server.echo.entered == 0

    run(scenario())


def test_versions_before_1_2_are_refused(certificate: Certificate, files: CertificateFiles) -> None:
    """RFC 8996."""

    async def scenario() -> None:
        context = files.trusting
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        async with connection_server(certificate=certificate) as server:
            with pytest.raises(ssl.SSLError):
                async with server.connect(context):
                    pass

    with pytest.warns(DeprecationWarning, match="TLSv1"):
        run(scenario())


def test_bytes_may_come_one_at_a_time(certificate: Certificate, files: CertificateFiles) -> None:
    """Handshake, request and the client's closing."""

    async def scenario() -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = files.trusting.wrap_bio(incoming, outgoing, server_hostname="localhost")
        async with connection_server(certificate=certificate) as server, server.connect() as plain:

            async def send() -> None:
                for byte in outgoing.read():
                    await plain.send(bytes([byte]))
                    await asyncio.sleep(0)

            async def until_done(step: Callable[[], object]) -> object:
                while True:
                    try:
                        return step()
                    except ssl.SSLWantReadError:
                        await send()
                        incoming.write(await plain.reader.read(100))

            await until_done(client.do_handshake)
            client.write(GET % 1)
            await send()
            assert b"GET /1 " in await until_done(lambda: client.read(1000))  # type: ignore[operator]
            assert client.selected_alpn_protocol() is None
            await until_done(client.unwrap)
            assert await plain.rest() == b""

    run(scenario())


def test_the_scheme_is_https(certificate: Certificate, files: CertificateFiles) -> None:
    """As the application sees it."""
    schemes = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        schemes.append(scope["scheme"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def scenario() -> None:
        async with (
            connection_server(app, certificate=certificate) as server,
            server.connect(files.trusting) as client,
        ):
            await client.send(GET % 1)
            await client.reader.readuntil(b"\r\n\r\n")

    run(scenario())

    assert schemes == ["https"]


def test_a_reload_is_for_new_connections(certificate: Certificate, files: CertificateFiles) -> None:
    """Those that are open go on with the certificate that they began with."""

    async def scenario() -> None:
        old = files.trusting
        async with connection_server(certificate=certificate) as server, server.connect(old) as kept:
            new = write_certificate(files.key.parent).trusting
            certificate.reload()
            async with server.connect(new) as client:
                for each in (kept, client):
                    await each.send(GET % 1)
                    assert (await each.answer())[0] == 200
            with pytest.raises(ssl.SSLCertVerificationError):
                async with server.connect(old):
                    pass

    run(scenario())
