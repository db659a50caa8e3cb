"""The transport as the parser sees it: reading stops for two reasons, closing does not cut answers off."""

import asyncio
from typing import Any

from service.connections.http1 import HEAD_END

# A head is shorter; what ends like one and is longer is part of a body.
LONGEST_HEAD = 16 * 1024

# A socket that is closed while bytes of the client are unread sends a reset, which overtakes the answer. So
# after the last answer we only stop sending, and read what comes for this long (RFC 9112, 9.6).
LINGER_S = 2.0


class ClientTransport(asyncio.Transport):
    """Wraps the transport of one connection; the network has `write_s` seconds to take what was written."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, write_s: float) -> None:
        super().__init__()
        self._write_s = write_s
        self._transport = transport
        self._loop = loop
        self._closing = False
        # Reading goes on while neither the parser nor the connection wants it stopped.
        self._paused = False
        self._held = False
        self._reading = True
        # Whether bytes of the client are still to come that nobody wants.
        self.unread = False
        # The head of an answer, for as long as its body may come along.
        self._first: bytes | bytearray | memoryview = b""
        # Whether something was to be written when nobody was there any more.
        self.broken = False
        self._deadline: asyncio.TimerHandle | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write without waiting; the head of an answer waits for its body, within this turn of the loop."""
        if self._transport.is_closing():
            self.broken = True
        elif self._first:
            first, self._first = self._first, b""
            if len(data) < LONGEST_HEAD:
                self._transport.write(b"".join((first, data)))  # cheaper than two pieces
            else:
                self._transport.writelines([first, data])
        elif data[-4:] == HEAD_END and len(data) < LONGEST_HEAD:
            self._first = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def _flush(self) -> None:
        first, self._first = self._first, b""
        if first and not self._transport.is_closing():
            self._transport.write(first)

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
            self._limit(LINGER_S)
        else:
            self._transport.close()
            # A transport that closes waits for its buffer to empty, for ever.
            self._limit(self._write_s)

    def abort(self) -> None:
        """Close at once."""
        self._closing = True
        self._transport.abort()

    def lost(self) -> None:
        """Note that the connection has ended."""
        self._closing = True
        self._unlimit()

    def pause_reading(self) -> None:
        """Stop reading, on behalf of the parser."""
        self._paused = True
        self._set_reading()

    def resume_reading(self) -> None:
        """Read again, on behalf of the parser."""
        self._paused = False
        self._set_reading()

    def hold(self, *, held: bool) -> None:
        """Stop reading or read again, on behalf of the connection."""
        self._held = held
        self._set_reading()

    def writable(self, *, writable: bool) -> None:
        """Note that the network takes what is written, or that it does not: then only for a while."""
        if self._closing:
            return
        if writable:
            self._unlimit()
        else:
            self._limit(self._write_s)

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

    def _limit(self, seconds: float) -> None:
        self._unlimit()
        self._deadline = self._loop.call_later(seconds, self._transport.abort)

    def _unlimit(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
