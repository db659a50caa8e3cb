"""One connection seen from outside: what a client may do to it, in bytes, in time and in number.

    HEAD ── complete, with one reading ──→ BODY ── complete ──→ RESPONSE ── written ──→ HEAD …
    head_s; keep_alive_s before its first   body_s                the deadline of the request
    byte                                    (also after an early response)

It is the protocol class that uvicorn's server makes for each connection, in place of uvicorn's own, which have no
limits on heads, times or pipelining. One request at a time is served, as an `Exchange`; what was pipelined behind it
waits until its response is written.

A client that closes its sending side has disconnected. RFC 9112, 9.6 would have it wait for its response, but the
bytes of a client that has left are the same, and its work is to be given up at once. nginx before an application
(499) and Go's net/http (its request's context) decide alike, and clients in use close only behind the response.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from math import inf
from typing import Any, cast

from starlette.types import Scope
from uvicorn import Config
from uvicorn.server import ServerState

from service.api.problems import PROBLEMS, problem
from service.connections.deferral import StartDeferral
from service.connections.eviction import OpenConnections
from service.connections.exchange import Exchange, connection_scope, make_scope
from service.connections.forwarded import TrustedProxies
from service.connections.http1 import HEAD_END, ChunkedBody, FramingError, Head, HeadParser, check_partial
from service.connections.limits import (
    CHUNKED_STEP_BYTES,
    MAX_HEAD_BYTES,
    ConnectionLimits,
)
from service.connections.transport import ClientTransport
from service.http.responses import Header, encode_response, problem_headers
from service.observability.request_record import (
    DISCARD_BYTES,
    RequestObserver,
    RequestRecord,
    client_address,
    new_request_id,
)

# Returns the whole response to a request that need not reach the application, from a client at an address: see
# `service.connections.load_shedding`.
Shed = Callable[[Head, Iterable[Header], str], bytes | None]

_DRAINING = FramingError("draining", "the server is shutting down; try another")


def shed_nothing(head: Head, default_headers: Iterable[Header], client: str) -> None:
    """Refuse no request by its head."""


@dataclass(frozen=True, slots=True)
class ConnectionContext:
    """What all connections of a server share; `observer` is told of what never becomes a request."""

    limits: ConnectionLimits
    open_connections: OpenConnections
    observer: RequestObserver
    shed: Shed = shed_nothing
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    deferral: StartDeferral = field(default_factory=StartDeferral)


class Phase(Enum):
    """What the next byte of the client belongs to; in RESPONSE to a request that has to wait."""

    HEAD = auto()
    BODY = auto()
    RESPONSE = auto()


class Connection(asyncio.Protocol):
    """Serves the requests of one client, one at a time and within limits."""

    def __init__(
        self,
        context: ConnectionContext,
        *,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """`context`: shared with all connections; the rest is what uvicorn gives its own protocols."""
        self._context, self._limits = context, context.limits
        self._config, self._server, self._app_state = config, server_state, app_state
        self._loop = asyncio.get_running_loop()
        self._phase, self._head = Phase.HEAD, bytearray()
        self._parser = HeadParser()
        # What was received and not yet passed on begins at `_at`.
        self._input, self._at = b"", 0
        # Left of a body: a number of bytes, or chunks.
        self._body: int | ChunkedBody = 0
        # The request that is served, until its response is written. In BODY without one the body is discarded.
        self._exchange: Exchange | None = None
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0
        self._deadline = inf
        self._scope: Scope = {}
        # Whether the peer is a proxy that is believed who its client is.
        self._behind_proxy = False
        self._transport: ClientTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: the first head has to come soon."""
        # uvloop's transports do what asyncio's do, without being one.
        wrapped = cast("asyncio.Transport", transport)
        self._transport = ClientTransport(wrapped, self._loop, self._limits.write_s)
        self._scope = connection_scope(self._config, transport, self._app_state)
        self._behind_proxy = self._context.proxies.trusts_peer(client_address(self._scope))
        self._server.connections.add(self)  # type: ignore[arg-type]  # which it has for our own server alone
        self._expire_in(self._limits.head_s)
        self._context.open_connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._transport.connection_lost()
        if self._timer is not None:
            self._timer.cancel()
        self._context.open_connections.remove(self)
        self._server.connections.discard(self)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.disconnect()

    def pause_writing(self) -> None:
        """Let the response wait for the network."""
        self._transport.set_writable(writable=False)

    def resume_writing(self) -> None:
        """Let it go on."""
        self._transport.set_writable(writable=True)

    def eof_received(self) -> None:
        """Let the transport close: a client that sends no more has disconnected."""

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        self._input = self._input[self._at :] + data if self._at < len(self._input) else data
        self._at = 0
        # POST, PUT and PATCH are deferred, known by their first letter; GET and HEAD, of probes, are not.
        begins = self._phase is Phase.HEAD and not self._head and data.startswith(b"P")
        if not begins or self._context.deferral.start(self._begin_deferred):
            self._advance()
        else:
            # It has brought a request, and is not closed to make room for one that may bring none.
            self._context.open_connections.mark_busy(self)
            self._transport.hold_reading(held=True)

    def refuse(self, error: FramingError) -> None:
        """Answer that the message is malformed, and close."""
        if self._transport.is_closing():
            return
        exchange, self._exchange = self._exchange, None
        if exchange is None and self._phase is Phase.HEAD:
            self._transport.write(self._refusal(error))
        elif exchange is not None:
            if not exchange.started:
                self._transport.write(self._refusal(error, exchange.scope))
            # Its body went wrong: the reader is told that the client has disconnected.
            exchange.disconnect()
        self._transport.unread = True
        self._transport.close()

    def evict(self) -> None:
        """Close this idle connection, to make room."""
        self._transport.close()

    def shutdown(self) -> None:
        """Close behind the response that is being written; a request that is not complete or not begun gets 503."""
        if self._phase is Phase.BODY and self._exchange is not None:
            self.refuse(_DRAINING)
        elif self._exchange is not None:
            self._exchange.keep_alive = False
        elif self._phase is Phase.HEAD and self._input:
            self.refuse(_DRAINING)  # its request was deferred
        else:
            self._transport.close()

    def abort(self) -> None:
        """Close at once, whatever was not sent."""
        self._transport.abort()

    def _begin_deferred(self) -> None:
        # Until its head is complete, which may be never.
        self._context.open_connections.mark_idle(self)
        self._advance()

    def _advance(self) -> None:
        """Pass on as much as may be passed on now, and stop reading while something is left."""
        try:
            while self._at < len(self._input) and not self._transport.is_closing():
                if self._phase is Phase.HEAD:
                    self._advance_head()
                elif self._phase is Phase.BODY:
                    self._advance_body()
                    if isinstance(self._body, ChunkedBody) and self._at < len(self._input):
                        self._loop.call_soon(self._advance)
                        break
                else:
                    break
        except FramingError as error:
            self.refuse(error)
        if self._at >= len(self._input) or self._transport.is_closing():
            self._input, self._at = b"", 0
        self._transport.unread = self._phase is Phase.BODY or bool(self._input)
        self._transport.hold_reading(held=bool(self._input))

    def _advance_head(self) -> None:
        """Gather a head until it is complete. Raises: FramingError."""
        if self._head or self._input.startswith(b"\r", self._at):
            self._advance_partial_head()
            return
        end = self._input.find(HEAD_END, self._at, self._at + MAX_HEAD_BYTES) + len(HEAD_END)
        if end < len(HEAD_END):
            self._advance_partial_head()
            return
        raw, self._at = self._input[self._at : end], end
        self._begin_request(self._parser.parse(raw))

    def _advance_partial_head(self) -> None:
        """Gather a head that comes in pieces, or behind an empty line. Raises: FramingError."""
        known = len(self._head)
        if not known and self._input.startswith(b"\r\n", self._at):
            self._at += 2  # RFC 9112, 2.2: an empty line before a request is ignored
            return
        if self._head == b"\r" and self._input.startswith(b"\n", self._at):
            self._at += 1  # the same, cut in two
            self._head.clear()
            return
        taken = self._input[self._at : self._at + MAX_HEAD_BYTES + len(HEAD_END) - known]
        self._head += taken
        end = self._head.find(HEAD_END, max(0, known - len(HEAD_END) + 1))
        if end < 0:
            self._at += len(taken)
            check_partial(self._head, max(0, known - 1))
            if not known and self._head != b"\r":
                self._expire_in(self._limits.head_s)
            return
        size = end + len(HEAD_END)
        self._at += size - known
        raw, self._head = bytes(self._head[:size]), bytearray()
        self._begin_request(self._parser.parse(raw))

    def _begin_request(self, head: Head) -> None:
        self._context.open_connections.mark_busy(self)
        self._body = ChunkedBody() if head.length is None else head.length
        connection = self._scope
        if self._behind_proxy:
            connection = {**connection, **self._context.proxies.forwarded(head.fields)}
        response = self._context.shed(head, self._server.default_headers, client_address(connection))
        if response is not None:
            self._send_early_response(response)
            return
        scope = make_scope(head, connection)
        self._exchange = exchange = Exchange(
            head, scope, self._transport, self._server.default_headers, self._response_complete
        )
        if self._body == 0:
            self._phase = Phase.RESPONSE
            self._expire_never()
            exchange.end_body()
        else:
            self._phase = Phase.BODY
            self._expire_in(self._limits.body_s)
        self._loop.create_task(exchange.run(self._config.loaded_app, self._server.tasks))

    def _send_early_response(self, response: bytes) -> None:
        """Send a response to a head that the application has not seen, and discard a short body."""
        self._transport.write(response)
        if self._body_left() > DISCARD_BYTES:
            self._transport.unread = True
            self._transport.close()
        elif self._body:
            self._phase = Phase.BODY
            self._expire_in(self._limits.body_s)
        else:
            self._begin_head()

    def _advance_body(self) -> None:
        """Pass on what there is of a body. Raises: FramingError."""
        if isinstance(self._body, ChunkedBody):
            end = min(self._at + CHUNKED_STEP_BYTES, len(self._input))
            piece, self._at = self._body.feed(self._input, self._at, end)
            if piece and self._exchange is not None:
                self._exchange.feed(piece)
            complete = self._body.complete
        else:
            end = min(self._at + self._body, len(self._input))
            # What is discarded is not even copied.
            if self._exchange is not None and end > self._at:
                self._exchange.feed(self._input[self._at : end])
            self._body -= end - self._at
            self._at = end
            complete = self._body == 0
        if complete:
            self._end_body()

    def _end_body(self) -> None:
        self._expire_never()
        self._phase = Phase.RESPONSE
        if self._exchange is None:
            self._begin_head()
        else:
            self._exchange.end_body()

    def _response_complete(self) -> None:
        """Go on behind a request whose response is written."""
        self._exchange = None
        # The request may have paused it, with more of its body waiting than it had received.
        self._transport.resume_reading()
        if self._transport.is_closing():
            return
        if self._phase is Phase.RESPONSE:
            self._begin_head()
            if self._at < len(self._input):
                # Not here: a thousand pipelined requests would be a thousand calls deep.
                self._loop.call_soon(self._advance)
        elif self._body_left() > DISCARD_BYTES:
            self._transport.close()

    def _begin_head(self) -> None:
        self._phase = Phase.HEAD
        self._context.open_connections.mark_idle(self)
        self._expire_in(self._limits.keep_alive_s)

    def _body_left(self) -> int:
        """Return how many bytes of a body are still to come; of a chunked one, more than are ever discarded."""
        return self._body if isinstance(self._body, int) else DISCARD_BYTES + 1

    def _expire_in(self, seconds: float) -> None:
        """Set the deadline. Most are moved before they pass, so a timer that is early enough stays as it is."""
        self._deadline = self._loop.time() + seconds
        if self._timer is None or self._deadline < self._timer_at:
            self._set_timer(self._deadline)

    def _expire_never(self) -> None:
        self._deadline = inf

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._expire)
        # Noted here: uvloop's timer of less than half a millisecond has no `when`.
        self._timer_at = when

    def _expire(self) -> None:
        self._timer = None
        if self._loop.time() < self._deadline < inf:
            self._set_timer(self._deadline)
        elif self._deadline < inf:
            self._expired()

    def _expired(self) -> None:
        if self._phase is Phase.BODY and self._exchange is not None and self._exchange.streams:
            self._expire_in(self._limits.body_s)
        elif self._phase is Phase.BODY:
            self._transport.abort()
        else:
            self._transport.close()

    def _refusal(self, error: FramingError, scope: Scope | None = None) -> bytes:
        """Return a whole response, and have it counted as one; `scope` is that of the request, where there is one."""
        status = PROBLEMS[error.code].status
        record: RequestRecord | None = None if scope is None else scope["state"].get("record")
        if record is not None:
            record.refused = error.code
        else:
            now = self._loop.time()
            record = RequestRecord(new_request_id(), {}, "", now, now, status=status, code=error.code)
            record.client = client_address(self._scope)
            self._context.observer.began(record)
            self._context.observer.ended(record)
        headers = [
            *self._server.default_headers,
            *(header for header in problem_headers(error.code) if header[0] != b"connection"),
            (b"connection", b"close"),
            (b"x-request-id", record.request_id.encode("ascii")),
        ]
        return encode_response(status, headers, problem(error.code, error.detail, record.request_id))
