"""The transport as the parser sees it: reading pauses for two reasons, closing does not cut answers off."""

import asyncio
from typing import Any

from service.connections.http1 import HEAD_END
from service.connections.limits import LINGER_S, MAX_HEAD_BYTES


class ClientTransport(asyncio.Transport):
    """Wraps the transport of one connection; the network has `write_s` seconds to take what was written."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, write_s: float) -> None:
        super().__init__()
        self._write_s = write_s
        self._transport = transport
        self._loop = loop
        self._closing = False
        # Reading goes on while neither the parser nor the connection has paused it.
        self._paused = False
        self._held = False
        self._reading = True
        # Whether bytes of the client are still to come that no request will read.
        self.unread = False
        # The head of an answer, until its body comes or the turn of the loop ends.
        self._head: bytes | bytearray | memoryview = b""
        # Whether an answer was to be written when the client was gone already.
        self.broken = False
        self._deadline: asyncio.TimerHandle | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write without waiting; the head of an answer waits for its body, within this turn of the loop.

        A piece that ends like a head and is shorter than `MAX_HEAD_BYTES` is taken for one; where it is part of
        a body, it is only sent a turn later.
        """
        if self._transport.is_closing():
            self.broken = True
        elif self._head:
            head, self._head = self._head, b""
            if len(data) < MAX_HEAD_BYTES:
                self._transport.write(b"".join((head, data)))  # cheaper than two pieces
            else:
                self._transport.writelines([head, data])
        elif data[-4:] == HEAD_END and len(data) < MAX_HEAD_BYTES:
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():
            self._transport.write(head)

    def is_closing(self) -> bool:
        """Tell whether anything more would be sent."""
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        """Send what was written and close; linger where the client is still sending."""
        if self._closing:
            return
        self._closing = True
        self._flush()
        if self._transport.is_closing():
            return
        if self.unread and self._transport.can_write_eof():
            self._set_reading()
            self._transport.write_eof()
            self._abort_in(LINGER_S)
        else:
            self._transport.close()
            # A transport that closes waits for its buffer to empty, for ever.
            self._abort_in(self._write_s)

    def abort(self) -> None:
        """Close at once."""
        self._closing = True
        self._transport.abort()

    def connection_lost(self) -> None:
        """Note that the connection has ended."""
        self._closing = True
        self._cancel_abort()

    def pause_reading(self) -> None:
        """Stop reading, on behalf of the parser."""
        self._paused = True
        self._set_reading()

    def resume_reading(self) -> None:
        """Read again, on behalf of the parser."""
        self._paused = False
        self._set_reading()

    def hold_reading(self, *, held: bool) -> None:
        """Stop reading or read again, on behalf of the connection."""
        self._held = held
        self._set_reading()

    def set_writable(self, *, writable: bool) -> None:
        """Note that the network takes what is written, or that it does not: then only for `write_s`."""
        if self._closing:
            return
        if writable:
            self._cancel_abort()
        else:
            self._abort_in(self._write_s)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows."""
        return self._transport.get_extra_info(name, default)

    def _set_reading(self) -> None:
        reading = self._closing or not (self._paused or self._held)
        if reading == self._reading or self._transport.is_closing():
            return
        self._reading = reading
        if reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _abort_in(self, seconds: float) -> None:
        self._cancel_abort()
        self._deadline = self._loop.call_later(seconds, self._transport.abort)

    def _cancel_abort(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
