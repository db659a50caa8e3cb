"""Requests leave nothing in the server's memory, without any help of the garbage collector.

A server whose collector never runs answers a thousand requests of each kind of end. Objects in reference cycles
would stay, and an answer of megabytes with them.
"""

import asyncio
import gc
import logging
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import uvloop
from uvicorn.server import ServerState

from service.api.outcome import Facts, Outcome
from service.app import create_app
from service.connections.eviction import OpenConnections
from service.connections.limits import MAX_CONNECTIONS
from service.errors import Refused
from service.scheduling.admission import Permit
from service.scheduling.job import Job
from service.server import configure
from tests.support.application import SCORER, FakeBackend, RequestRecorder, settings_with, token

REQUESTS = 1_000

# Objects that the server may have more after as many requests: counters and caches grow to a bound.
TOLERANCE = 150

# Several pieces; and more than the network takes at once, so that a client can leave in the middle.
ANSWER_BYTES = 300_000
LARGE_ANSWER_BYTES = 8_000_000

# Runs in a process of its own: what clients leave behind is not the server's.
CLIENT = """
import socket, struct, sys, time
kind, port, count, token = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
body = b'{"documents": ["a"]}'
fields = b"Host: x\\r\\nAuthorization: Bearer " + token.encode() + b"\\r\\nContent-Type: application/json\\r\\n"
length = b"Content-Length: %d\\r\\n\\r\\n" % len(body)
good = b"POST /score HTTP/1.1\\r\\n" + fields + length + body
requests = {
    "no_token": good.replace(b"Authorization", b"Other"),
    "too_large": good.replace(length, b"Content-Length: 99999999\\r\\n\\r\\n"),
    "malformed": b"POST /score HTTP/1.1\\r\\nno field\\r\\n\\r\\n",
    "not_found": b"GET /nothing HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n",
    "probe": b"GET /livez HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n",
    "closed": good.replace(b"Host: x", b"Host: x\\r\\nConnection: close"),
    "chunked": good.replace(
        length + body, b"Transfer-Encoding: chunked\\r\\n\\r\\n14\\r\\n" + body + b"\\r\\n0\\r\\n\\r\\n"
    ),
    "half_body": good[:-5],
}
request = requests.get(kind, good)

def connect():
    client = socket.create_connection(("127.0.0.1", port))
    client.settimeout(20)
    return client

def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()

def answer(client):
    data = b""
    while b"\\r\\n\\r\\n" not in data:
        piece = client.recv(1 << 20)
        if not piece:
            return False
        data += piece
    head, _, rest = data.partition(b"\\r\\n\\r\\n")
    left = int(head.lower().partition(b"content-length: ")[2].partition(b"\\r")[0]) - len(rest)
    while left > 0:
        left -= len(client.recv(1 << 20))
    return b"connection: close" not in head.lower()

if kind in {"reset_at_once", "reset_while_waiting", "half_body", "late"}:
    # Many at a time: each takes a while.
    for _ in range(count // 50):
        clients = [connect() for _ in range(50)]
        for client in clients:
            client.sendall(request)
        if kind in {"reset_while_waiting", "half_body"}:
            time.sleep(0.08)
        for client in clients:
            if kind == "late":
                answer(client)
            reset(client)
elif kind == "reset_in_answer":
    for _ in range(count):
        client = connect()
        client.sendall(request)
        client.recv(10_000)
        reset(client)
elif kind == "half_closed":
    for _ in range(count):
        client = connect()
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        while client.recv(1 << 20):
            pass
        client.close()
elif kind == "pipelined":
    client, read = connect(), b""
    for _ in range(count // 2):
        client.sendall(request + request)
        for _ in range(2):
            while b"\\r\\n\\r\\n" not in read:
                read += client.recv(1 << 20)
            head, _, read = read.partition(b"\\r\\n\\r\\n")
            left = int(head.lower().partition(b"content-length: ")[2].partition(b"\\r")[0])
            while len(read) < left:
                left, read = left - len(read), client.recv(1 << 20)
            read = read[left:]
else:
    client = connect()
    for _ in range(count):
        client.sendall(request)
        if not answer(client):
            client.close()
            client = connect()
"""


class Backend(FakeBackend):
    """A pool with large answers, which takes its time for some and fails for others."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind
        if kind == "shed":
            self.refusal = Refused("overloaded", "full", 1)

    async def submit(self, permit: Permit, job: Job) -> Outcome:
        """End as the kind of test says."""
        if self._kind == "late":
            await asyncio.sleep(0.08)  # longer than `WATCH_AFTER_S`: a watcher runs
        if self._kind == "reset_while_waiting":
            await asyncio.get_running_loop().create_future()
        if self._kind == "fault":
            raise ZeroDivisionError
        if self._kind == "refused":
            raise Refused("poison_request", "no")
        size = LARGE_ANSWER_BYTES if self._kind == "reset_in_answer" else ANSWER_BYTES
        return Outcome("ok", bytes(size), Facts(documents=1))


async def run_clients(kind: str, port: int, count: int, state: ServerState) -> None:
    """Have another process send so many requests, and wait until every connection has ended."""
    arguments = [sys.executable, "-c", CLIENT, kind, str(port), str(count), token()]
    client = await asyncio.create_subprocess_exec(*arguments)
    assert await client.wait() == 0
    while state.connections or state.tasks:
        await asyncio.sleep(0.01)


def live_objects() -> Counter[str]:
    """Count what the collector would look at, by type."""
    return Counter(type(each).__qualname__ for each in gc.get_objects())


def forget(recorder: RequestRecorder, backend: FakeBackend) -> None:
    """Drop what the test's own observers have kept."""
    recorder.begun.clear()
    recorder.over.clear()
    backend.requests.clear()


async def growth(kind: str, path: Path) -> Counter[str]:
    """Return the objects that a thousand requests have left."""
    settings, recorder = settings_with(path), RequestRecorder()
    backend = Backend(kind)
    app = create_app(settings, SCORER, backend, recorder)
    config = configure(app, settings, OpenConnections(MAX_CONNECTIONS), recorder)
    config.load()
    state = ServerState()
    make: Callable[..., asyncio.Protocol] = config.http_protocol_class
    server = await asyncio.get_running_loop().create_server(
        partial(make, config=config, server_state=state, app_state={}, _loop=None), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    await run_clients(kind, port, 100, state)
    gc.collect()
    gc.disable()
    try:
        forget(recorder, backend)
        before = live_objects()
        await run_clients(kind, port, REQUESTS, state)
        assert len(recorder.over) >= REQUESTS - 100
        forget(recorder, backend)
        return live_objects() - before
    finally:
        gc.enable()
        server.close()


KINDS = (
    "answered",
    "closed",
    "chunked",
    "pipelined",
    "late",
    "no_token",
    "too_large",
    "malformed",
    "not_found",
    "probe",
    "shed",
    "refused",
    "fault",
    "reset_at_once",
    "reset_while_waiting",
    "reset_in_answer",
    "half_closed",
    "half_body",
)


@pytest.mark.parametrize("kind", KINDS)
def test_requests_leave_no_object(kind: str, tmp_path: Path) -> None:
    """However they end."""
    # pytest keeps what is logged, and tracebacks with it.
    logging.disable()
    try:
        left = uvloop.run(growth(kind, tmp_path))
    finally:
        logging.disable(logging.NOTSET)

    assert left.total() < TOLERANCE, left.most_common(12)
