"""Answers that clients do not read, over real sockets: what they hold is bounded, and given back at the end."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from bench.harness.documents import corpus
from bench.harness.load_generator import score_request
from service.app import create_app
from service.cli.issue_token import TokenClaims, sign_token
from service.connections.connection import Connection
from service.connections.limits import WRITE_PROGRESS_BYTES
from service.dispatcher import Dispatcher
from tests.support.application import SCORER, RequestRecorder, score_headers, settings_with
from tests.support.connection_server import ConnectionServer, connection_server
from tests.support.pool import MIB, running_pool
from tests.support.server import DOCUMENTS, TIMEOUT_S, running_server
from tests.support.tokens import SECRET

# More than the kernel takes of an answer that is not read.
ANSWER_BYTES = 12_000_000

# One of 12 MB when scored, of which five fit into the least budget.
N_DOCUMENTS = 1_000
BUDGET_BYTES = 64 * MIB
READERS = 30


def matrix() -> bytes:
    """Return a request for a large matrix."""
    words = " ".join(corpus()).split()
    texts = [" ".join(words[20 * i : 20 * i + 20]) for i in range(N_DOCUMENTS)]
    return json.dumps({"documents": texts, "similarity": "matrix"}).encode()


def authorization(subject: str) -> str:
    """Return the header of a subject other than the tests' own."""
    return f"Bearer {sign_token(SECRET, TokenClaims(subject))}"


def read_head(client: socket.socket) -> str:
    """Return the head of an answer, and leave most of its body unread."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += client.recv(2_000)
    return received.partition(b"\r\n\r\n")[0].decode().lower()


def test_slow_readers_keep_out_neither_others_nor_small_requests(demo_bundle: Path) -> None:
    """Their own matrices beyond the budget are refused; when they have left, nothing is held."""
    with (
        running_server(demo_bundle, scripted=False, answer_budget_bytes=BUDGET_BYTES) as server,
        ExitStack() as clients,
    ):
        server.await_ready(2)
        heavy = [
            clients.enter_context(server.begin(matrix(), Authorization=authorization("heavy")))
            for _ in range(READERS)
        ]
        heads = [read_head(client) for client in heavy]
        refused = [head for head in heads if head.startswith("http/1.1 503")]

        assert len(refused) == READERS - 5
        assert all("\r\nretry-after: " in head for head in refused)
        assert server.metrics()["scorepool_answer_bytes"] > 4 * ANSWER_BYTES
        assert server.metrics()['scorepool_rejected_total{code="overloaded"}'] == len(refused)
        assert server.score(DOCUMENTS, Authorization=authorization("light")).status == 200
        assert server.score(matrix(), Authorization=authorization("light")).status == 200
        assert server.score(DOCUMENTS, Authorization=authorization("heavy")).status == 200
        problem = json.loads(server.score(matrix(), Authorization=authorization("heavy")).body)
        assert problem["code"] == "overloaded"
        assert f"the limit is {BUDGET_BYTES} for all" in problem["detail"]
        clients.close()
        while server.metrics()["scorepool_answer_bytes"]:
            pass


def run(test: Coroutine[None, None, None]) -> None:
    """Run a test in the event loop that the service has, which treats what the kernel does not take otherwise."""
    uvloop.run(asyncio.wait_for(test, TIMEOUT_S))


class SlowServer:
    """The service's connections and application over a real pool, in this event loop."""

    def __init__(self, dispatcher: Dispatcher, server: ConnectionServer) -> None:
        self.dispatcher = dispatcher
        self.server = server

    @property
    def held(self) -> int:
        """Return what answers hold."""
        return self.dispatcher.snapshot().answer_bytes

    def ask(self) -> socket.socket:
        """Ask for an answer of `ANSWER_BYTES` on a new connection, and read nothing."""
        body = b"answer_of %d" % ANSWER_BYTES
        headers = score_headers(len(body))
        del headers["content-length"]
        client = socket.create_connection(("127.0.0.1", self.server.port))
        client.sendall(score_request(body, headers))
        client.setblocking(False)
        return client

    async def until_held(self, size: int) -> None:
        """Wait until answers hold exactly so much."""
        while self.held != size:
            await asyncio.sleep(0.005)


@asynccontextmanager
async def slow_server(path: Path, write_s: float = 30.0, answers: int = 10) -> AsyncIterator[SlowServer]:
    """Serve with a budget of so many answers; a client has `write_s` for a part of one."""
    async with running_pool(workers=1, answer_budget_bytes=answers * ANSWER_BYTES) as pool:
        app = create_app(settings_with(path), SCORER, pool.dispatcher, RequestRecorder())
        async with connection_server(app, write_s=write_s) as server:
            yield SlowServer(pool.dispatcher, server)


async def receive(client: socket.socket, until: int) -> int:
    """Read until so many bytes or the end have come; return how many did."""
    loop, received = asyncio.get_running_loop(), 0
    while received < until and (piece := await loop.sock_recv(client, 1 << 20)):
        received += len(piece)
    return received


async def read_to_the_end(server: SlowServer, client: socket.socket) -> None:
    """Read the answer; the connection is kept."""
    assert await receive(client, ANSWER_BYTES) >= ANSWER_BYTES


async def reset_in_the_answer(server: SlowServer, client: socket.socket) -> None:
    """Read a part and reset the connection."""
    await receive(client, 100_000)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


async def never_read(server: SlowServer, client: socket.socket) -> None:
    """Do nothing until the server gives up."""


async def drain_the_server(server: SlowServer, client: socket.socket) -> None:
    """Do as the server does on SIGTERM, whose drain an unread answer outlasts."""
    await server.dispatcher.drain(0.05)
    assert server.held == ANSWER_BYTES
    (connection,) = server.server.state.connections
    assert isinstance(connection, Connection)
    connection.shutdown()
    connection.abort()


ENDS = ((read_to_the_end, 30.0), (reset_in_the_answer, 30.0), (never_read, 0.3), (drain_the_server, 30.0))


@pytest.mark.parametrize(("end", "write_s"), ENDS, ids=lambda value: getattr(value, "__name__", ""))
def test_an_answer_is_held_until_its_end(
    end: Callable[[SlowServer, socket.socket], Awaitable[None]], write_s: float, tmp_path: Path
) -> None:
    """With its true size while the kernel has not all of it, and not at all afterwards."""

    async def test() -> None:
        async with slow_server(tmp_path, write_s) as server:
            with server.ask() as client:
                await server.until_held(ANSWER_BYTES)
                await end(server, client)
                await server.until_held(0)

    run(test())


def test_an_answer_is_held_until_its_last_byte_is_with_the_kernel(tmp_path: Path) -> None:
    """Bytes in the buffer of the connection's transport count."""

    async def test() -> None:
        async with slow_server(tmp_path) as server:
            with server.ask() as client:
                await server.until_held(ANSWER_BYTES)
                # What the kernel has taken, and a megabyte of what it takes then: more is left than any low-water mark.
                await receive(client, 100_000)
                await asyncio.sleep(0.05)
                assert server.held == ANSWER_BYTES
                await receive(client, ANSWER_BYTES - 100_000)
                await server.until_held(0)

    run(test())


def test_an_answer_that_proves_too_large_is_dropped(tmp_path: Path) -> None:
    """Its size could not be predicted from the body; the request is refused as it would have been before."""

    async def test() -> None:
        async with slow_server(tmp_path, answers=2) as server:
            with server.ask(), server.ask():
                await server.until_held(2 * ANSWER_BYTES)
                with server.ask() as last:
                    reply = (await asyncio.get_running_loop().sock_recv(last, 4_000)).lower()
                assert reply.startswith(b"http/1.1 503 ")
                assert b"\r\nretry-after: " in reply
                assert b"answers that are not read yet hold 240" in reply
                assert server.held == 2 * ANSWER_BYTES
            await server.until_held(0)

    run(test())


def test_a_client_that_reads_slowly_is_not_cut_off(tmp_path: Path) -> None:
    """It takes more in each time limit than is asked, although never all that the kernel waits for."""

    async def test() -> None:
        async with slow_server(tmp_path, write_s=0.5) as server:
            with server.ask() as client:
                received = 0
                while received < ANSWER_BYTES:
                    received += (step := await receive(client, 2 * WRITE_PROGRESS_BYTES))
                    assert step
                    await asyncio.sleep(0.1)
                await server.until_held(0)

    run(test())


def test_a_server_with_unread_answers_ends(demo_bundle: Path) -> None:
    """With status 0, when the time of the drain is over."""
    with running_server(demo_bundle, workers=1, drain_timeout_s=0.5) as server:
        server.await_ready()
        with server.begin(b"answer_of %d" % ANSWER_BYTES) as client:
            assert read_head(client).startswith("http/1.1 200")
            assert server.stop() == 0
