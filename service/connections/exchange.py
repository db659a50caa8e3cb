"""One request and its response, as the ASGI application sees them.

    connection ── feed, end_body, disconnect ─→ Exchange ─→ receive ─→ application
    transport ←── head and body ─────────────── Exchange ←── send ──── application
    connection ←─ response_complete ────────────┘

It ends with its response or its client, and then neither it nor the connection holds the other.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope

from service.connections.http1 import Field, Head
from service.connections.limits import BODY_BUFFER_BYTES
from service.connections.transport import ClientTransport
from service.http.responses import encode_head
from service.observability.request_record import RequestRecord, mark_disconnected

logger = logging.getLogger(__name__)

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

# RFC 9110, 6.4.1: responses that never have a body.
_WITHOUT_BODY = frozenset({204, 304})


def make_scope(head: Head, connection: Scope) -> Scope:
    """Return the ASGI scope of a request on a connection, whose own members are in `connection`.

    The path has the prefix of `root_path`, as ASGI has it, whether or not a proxy stripped that from the target.
    """
    path, _, query = head.target.partition(b"?")
    root: str = connection["root_path"]
    if root and path != b"*" and not (path + b"/").startswith(root.encode() + b"/"):
        path = root.encode() + path
    text = path.decode()
    return {
        **connection,
        "http_version": head.version,
        "method": head.method,
        "path": unquote(text) if "%" in text else text,
        "raw_path": path,
        "query_string": query,
        "headers": head.fields,
        "state": connection["state"].copy(),
    }


class Exchange:
    """Runs the application for one request; `responded` is called when the response is written.

    keep_alive: whether the connection stays open behind the response. started: whether anything of the response is
    written. complete: whether all of it is. disconnected: whether the client is gone.
    """

    def __init__(
        self,
        head: Head,
        scope: Scope,
        transport: ClientTransport,
        default_headers: Sequence[Field],
        responded: Callable[[], None],
    ) -> None:
        self.scope = scope
        self.keep_alive = head.keep_alive
        self.started = self.complete = self.disconnected = False
        self._transport = transport
        self._default_headers = default_headers
        self._responded: Callable[[], None] | None = responded
        self._continues = head.expects_continue
        # What has come of the body and was not received yet; whether all of it has come, and was received.
        self._pieces: list[bytes] = []
        self._waiting_bytes = 0
        self._body_ended = self._body_received = False
        self._receiver: asyncio.Future[None] | None = None
        # The start of the response, until its body begins; then how many bytes are left, None in chunks.
        self._start: Message | None = None
        self._left: int | None = 0
        self._bodiless = False

    async def run(self, app: ASGIApp, tasks: set[asyncio.Task[None]]) -> None:
        """Have the request served by a task that is one of `tasks` while it runs.

        A fault that the application did not answer ends the connection.
        """
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            logger.exception("application_failed")
        finally:
            tasks.discard(task)
            if not (self.complete or self.disconnected):
                logger.error("response_incomplete")
                self._transport.abort()

    def feed(self, piece: bytes) -> None:
        """Take a piece of the body."""
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes > BODY_BUFFER_BYTES:
            self._transport.pause_reading()
        self._wake()

    def end_body(self) -> None:
        """Note that the body is complete."""
        self._body_ended = True
        self._wake()

    def disconnect(self) -> None:
        """Note that the client is gone, or that its request has turned out to be malformed."""
        self.disconnected = True
        mark_disconnected(self.scope)
        self._wake()

    @property
    def streams(self) -> bool:
        """Whether the application takes the body as it comes, and itself decides what is too slow."""
        record: RequestRecord | None = self.scope["state"].get("record")
        return record is not None and record.streams

    async def receive(self) -> Message:
        """Return the next piece of the body; behind its end, wait for the response or the disconnect."""
        if self._continues:
            self._continues = False
            if not self.started:
                self._transport.write(_CONTINUE)
        while not (self.complete or self.disconnected):
            if self._pieces or (self._body_ended and not self._body_received):
                return self._next_piece()
            self._transport.resume_reading()
            self._receiver = asyncio.get_running_loop().create_future()
            await self._receiver
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Write a part of the response; waits while the network does not take what was written before.

        Behind the last part it also waits for that: then the kernel has all of the response, or the client is gone.

        Raises: RuntimeError for messages that make no response.
        """
        if message["type"] == "http.response.start":
            if self._start is not None or self.started:
                raise RuntimeError("a response has one start")
            # Written with the first piece of the body (ASGI, HTTP, 2.3), which saves a packet.
            self._start = message
            return
        if not self._transport.writable:
            await self._transport.drained()
        if self.disconnected:
            return
        body, last = message.get("body", b""), not message.get("more_body", False)
        if not self.started:
            self._write_start(body, last=last)
        elif not self.complete:
            self._write_piece(b"", body, last=last)
        else:
            raise RuntimeError("the response is complete already")
        if not last:
            return
        if not self._transport.writable:
            await self._transport.drained()
        if not self.disconnected:
            self._complete()

    def _next_piece(self) -> Message:
        """Return what has come of the body."""
        pieces, self._pieces, self._waiting_bytes = self._pieces, [], 0
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._body_received = self._body_ended
        return {"type": "http.request", "body": body, "more_body": not self._body_ended}

    def _wake(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None and not receiver.done():
            receiver.set_result(None)

    def _write_start(self, body: bytes, *, last: bool) -> None:
        """Write the head with the first piece of the body."""
        start, self._start = self._start, None
        if start is None:
            raise RuntimeError("the body of a response before its start")
        headers: list[Field] = [*self._default_headers, *start["headers"]]
        named = dict(headers)
        bodiless = self.scope["method"] == "HEAD" or start["status"] in _WITHOUT_BODY
        if b"content-length" in named:
            self._left = int(named[b"content-length"])
        elif last and not bodiless:
            self._left = len(body)
            headers.append((b"content-length", b"%d" % len(body)))
        elif not bodiless:
            self._left = None
            self._frame_unknown_length(headers)
        if b"connection" in named and b"close" in named[b"connection"].lower():
            self.keep_alive = False
        elif not self.keep_alive:
            headers.append((b"connection", b"close"))
        head = encode_head(start["status"], headers)
        self.started = True
        if bodiless:
            self._bodiless, self._left = True, 0
            self._transport.write(head)
        else:
            self._write_piece(head, body, last=last)

    def _frame_unknown_length(self, headers: list[Field]) -> None:
        """Send the body in chunks; to HTTP/1.0, which has none, until the connection closes (RFC 9112, 6.3)."""
        if self.scope["http_version"] == "1.1":
            headers.append((b"transfer-encoding", b"chunked"))
        else:
            self.keep_alive = False

    def _write_piece(self, head: bytes, body: bytes, *, last: bool) -> None:
        """Write a piece of the body, behind the head where it is the first."""
        if self._bodiless:
            return
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (last and self._left):
                raise RuntimeError("the body of a response is not as long as its Content-Length")
        elif self.scope["http_version"] == "1.1":
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body = chunk + b"0\r\n\r\n" if last else chunk
        self._transport.write(head, body)

    def _complete(self) -> None:
        self.complete = True
        if self._transport.broken:
            mark_disconnected(self.scope)
        if not self.keep_alive:
            self._transport.close()
        responded, self._responded = self._responded, None
        self._wake()
        if responded is not None:
            responded()


def connection_scope(config: Any, transport: asyncio.BaseTransport, state: dict[str, Any]) -> Scope:
    """Return what the scopes of all requests on a connection have in common."""
    return {
        "type": "http",
        "asgi": {"version": config.asgi_version, "spec_version": "2.3"},
        "scheme": "https" if transport.get_extra_info("sslcontext") else "http",
        "server": _address(transport.get_extra_info("sockname")),
        "client": _address(transport.get_extra_info("peername")),
        "root_path": config.root_path,
        "state": state,
    }


def _address(name: object) -> tuple[str, int] | None:
    """Return host and port, None for a Unix socket."""
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else None
