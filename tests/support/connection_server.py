"""Serves the project's connections on a loopback port, over an application that echoes each request."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from service.connections.certificate import Certificate
from service.connections.connection import Connection, ConnectionContext, Shed, shed_nothing
from service.connections.deferral import PER_TURN, StartDeferral
from service.connections.eviction import OpenConnections
from service.connections.limits import ConnectionLimits
from service.connections.tls import connection_factory
from tests.support.application import RequestRecorder

# The head of a request for a path that is a number, and the head of one with a body of so many bytes.
GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


@dataclass
class Echo:
    """Answers each request with its method, path and body.

    entered: requests so far; disconnects: of those, the ones whose client disconnected; active: requests now;
    most: the highest `active`. /wait is answered when `released` is set; /early before its body is read; every
    answer has `extra_bytes` more.
    """

    entered: int = 0
    disconnects: int = 0
    active: int = 0
    most: int = 0
    paths: list[str] = field(default_factory=list)
    headers: list[dict[bytes, bytes]] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    extra_bytes: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self.entered += 1
        self.active += 1
        self.most = max(self.most, self.active)
        self.paths.append(scope["path"])
        self.headers.append(dict(scope["headers"]))
        try:
            await self._serve(scope, receive, send)
        finally:
            self.active -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        more = scope["path"] != "/early"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnects += 1
                return
            body += message["body"]
            more = message["more_body"]
        if scope["path"] == "/wait":
            await self.released.wait()
        answer = (
            scope["method"].encode() + b" " + scope["path"].encode() + b" " + body + bytes(self.extra_bytes)
        )
        headers = [(b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


@dataclass
class Client:
    """The client of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Read one answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
        body = await self.reader.readexactly(int(headers["content-length"]))
        return int(head[0].split()[1]), headers, body

    async def rest(self) -> bytes:
        """Read until the server closes the connection."""
        return await self.reader.read()


@dataclass
class ConnectionServer:
    """The server's port, application, connections, observer, uvicorn state, and what defers requests."""

    port: int
    echo: Echo
    connections: OpenConnections
    recorder: RequestRecorder
    state: ServerState
    deferral: StartDeferral
    path: Path | None = None

    async def deferred(self) -> None:
        """Wait until a request is deferred."""
        while "1 deferred" not in repr(self.deferral):
            await asyncio.sleep(0)

    @asynccontextmanager
    async def connect(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Client]:
        """Open a connection; abort it at the end."""
        if self.path is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=tls)
        else:
            reader, writer = await asyncio.open_unix_connection(self.path)
        try:
            yield Client(reader, writer)
        finally:
            writer.transport.abort()


@asynccontextmanager
async def connection_server(
    app: ASGIApp | None = None,
    *,
    limit: int = 100,
    shed: Shed = shed_nothing,
    certificate: Certificate | None = None,
    path: Path | None = None,
    per_turn: int = PER_TURN,
    **seconds: float,
) -> AsyncIterator[ConnectionServer]:
    """Serve `app`, or an `Echo`, with at most `limit` connections; at the `path` of a Unix socket where there is one.

    `per_turn` requests begin in a turn of the loop; with 0 none ever does. `seconds` replace fields of
    `ConnectionLimits`, each 5 s.
    """
    echo, recorder, connections = Echo(), RequestRecorder(), OpenConnections(limit)
    limits = ConnectionLimits(
        **{"head_s": 5.0, "body_s": 5.0, "keep_alive_s": 5.0, "write_s": 5.0, **seconds}
    )
    deferral = StartDeferral(per_turn)
    context = ConnectionContext(limits, connections, recorder, shed, deferral=deferral)
    config = uvicorn.Config(app or echo, lifespan="off", ws="none", log_config=None)
    config.load()
    state = ServerState()
    make: Callable[[], Any] = partial(
        connection_factory(context, certificate), config=config, server_state=state, app_state={}
    )
    loop = asyncio.get_running_loop()
    if path is None:
        server = await loop.create_server(make, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
    else:
        server, port = await loop.create_unix_server(make, path), 0
    try:
        yield ConnectionServer(port, echo, connections, recorder, state, deferral, path)
    finally:
        server.close()
        for connection in list(state.connections):
            cast("Connection", connection).abort()
        await asyncio.sleep(0)
