"""TLS between a client's socket and its connection, which sees a transport like that of a plain socket.

    socket's transport ── ciphertext ─→ TlsTransport ── plaintext ─→ Connection
                       ←─ ciphertext ──              ←─ plaintext ──

asyncio and uvloop have TLS transports of their own. Three promises of a plain connection would not hold with them:

- It is counted, can be evicted, and has a time limit from the moment it is accepted. They show a connection only
  when its handshake is done, which a client may put off.
- It is writable when the kernel has taken every byte. They encrypt a whole answer at once, ten megabytes in one turn
  of the loop, and call it written when the ciphertext lies in a buffer of theirs.
- A refusal reaches a client that is still sending. They cannot close one direction.
"""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, cast

from service.connections.certificate import Certificate
from service.connections.connection import Connection, ConnectionContext
from service.connections.deferral import StartDeferral

logger = logging.getLogger(__name__)

# So much is encrypted in one turn of the loop, a tenth of a millisecond; then other connections have theirs.
STEP_BYTES = 128 * 1024

_READ_BYTES = 64 * 1024


def connection_factory(
    context: ConnectionContext, certificate: Certificate | None = None
) -> Callable[..., asyncio.Protocol]:
    """Return what makes the protocol of a new connection, of uvicorn's arguments; with a certificate it has TLS."""

    def make(**given: Any) -> asyncio.Protocol:
        connection = Connection(context, **given)
        return (
            connection
            if certificate is None
            else TlsTransport(certificate.context, connection, context.deferral)
        )

    return make


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """The protocol of a socket's transport, and the transport of `protocol`.

    `deferral` keeps handshakes, of most of a millisecond each, from filling a turn of the loop.
    """

    def __init__(self, context: ssl.SSLContext, protocol: asyncio.Protocol, deferral: StartDeferral) -> None:
        super().__init__()
        self._deferral = deferral
        self._context, self._protocol = context, protocol
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._established = False
        # Plaintext that is not encrypted yet, and whether ciphertext waits for the network.
        self._backlog: deque[memoryview] = deque()
        self._backlog_bytes = 0
        self._network_full = False
        self._next_step: asyncio.Handle | None = None
        # Whether `protocol` was told to wait.
        self._paused = False
        # What closes the socket, or its sending side, behind the backlog.
        self._ending: Callable[[], None] | None = None
        self._raw: asyncio.Transport

    # What the socket's transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: the handshake is within the time that the connection has for its first head."""
        # uvloop's transports do what asyncio's do, without being one.
        self._raw = cast("asyncio.Transport", transport)
        self._raw.set_write_buffer_limits(0)
        self._protocol.connection_made(self)

    def data_received(self, data: bytes) -> None:
        """Take ciphertext; what comes behind the end of the connection is discarded."""
        if self._ending is not None:
            return
        self._incoming.write(data)
        if self._established or self._deferral.start(self._advance_deferred):
            self._advance()
        else:
            # More would wait in memory, and in line.
            self._raw.pause_reading()

    def eof_received(self) -> None:
        """Let the socket's transport close, as a plain connection does."""

    def pause_writing(self) -> None:
        """Note that the network does not take what was written."""
        self._network_full = True

    def resume_writing(self) -> None:
        """Go on, now that it has."""
        self._network_full = False
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._backlog.clear()
        self._backlog_bytes = 0
        if self._next_step is not None:
            self._next_step.cancel()
        self._protocol.connection_lost(exc)

    # What the connection calls.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the socket; with `sslcontext` a connection knows that it is secure."""
        return self._context if name == "sslcontext" else self._raw.get_extra_info(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Keep the limits, which are 0: writable means that the kernel has everything."""

    def get_write_buffer_size(self) -> int:
        """Return the bytes that the kernel has not taken, encrypted or not."""
        return self._backlog_bytes + self._raw.get_write_buffer_size()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write without waiting."""
        self.writelines([data])

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Write without waiting and without a copy of what has to wait."""
        for data in list_of_data:
            self._backlog.append(memoryview(data))
            self._backlog_bytes += len(data)
        if self._next_step is None:
            self._flush()

    def is_closing(self) -> bool:
        """Tell whether the connection ends behind what was written."""
        return self._ending is not None or self._raw.is_closing()

    def can_write_eof(self) -> bool:
        """Tell that one direction can be closed."""
        return True

    def write_eof(self) -> None:
        """Close the sending side behind what was written; what still comes is discarded."""
        self._end_with(self._raw.write_eof)

    def close(self) -> None:
        """Close behind what was written."""
        self._end_with(self._raw.close)

    def abort(self) -> None:
        """Close at once."""
        self._raw.abort()

    def pause_reading(self) -> None:
        """Stop reading."""
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._raw.resume_reading()

    def _advance_deferred(self) -> None:
        if not self._raw.is_closing():
            self._raw.resume_reading()
            self._advance()

    def _advance(self) -> None:
        """Go on with the handshake, or pass on what can be decrypted."""
        if self.is_closing():
            return
        try:
            plaintext, closed = self._decrypt()
        except ssl.SSLError as error:
            logger.debug("tls_failed", extra={"reason": error.reason})
            self._send_ciphertext()  # the alert that says why
            self._raw.close()
            return
        self._send_ciphertext()
        if plaintext:
            self._protocol.data_received(plaintext)
        if closed:
            self.close()

    def _decrypt(self) -> tuple[bytes, bool]:
        """Return what can be decrypted, and whether the client has closed its side. Raises: ssl.SSLError."""
        pieces = []
        try:
            if not self._established:
                self._tls.do_handshake()
                self._established = True
            while piece := self._tls.read(_READ_BYTES):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            return b"".join(pieces), False
        return b"".join(pieces), True

    def _flush(self) -> None:
        """Encrypt a step of what waits, and tell the connection whether anything still does."""
        self._next_step = None
        if self._raw.is_closing():
            return
        if self._backlog and not self._network_full:
            self._encrypt_step()
        if self._backlog and not self._network_full:
            self._next_step = asyncio.get_running_loop().call_soon(self._flush)
        waits = bool(self._backlog) or self._network_full
        if waits and not self._paused:
            self._paused = True
            self._protocol.pause_writing()
        elif self._paused and not waits:
            self._paused = False
            self._protocol.resume_writing()
        if self._ending is not None and not self._backlog:
            self._end()

    def _encrypt_step(self) -> None:
        left = STEP_BYTES
        while self._backlog and left:
            piece = self._backlog.popleft()
            if len(piece) > left:
                self._backlog.appendleft(piece[left:])
                piece = piece[:left]
            if piece:
                self._tls.write(piece)
            left -= len(piece)
            self._backlog_bytes -= len(piece)
        self._send_ciphertext()

    def _send_ciphertext(self) -> None:
        if self._outgoing.pending:
            self._raw.write(self._outgoing.read())

    def _end_with(self, ending: Callable[[], None]) -> None:
        if self._ending is None:
            self._ending = ending
            if not self._backlog:
                self._end()

    def _end(self) -> None:
        """Say that no more comes, and close; that the client says so is not awaited."""
        assert self._ending is not None
        if self._established:
            with suppress(ssl.SSLError):  # it has written its part; the client's has not come
                self._tls.unwrap()
            self._send_ciphertext()
        self._ending()
