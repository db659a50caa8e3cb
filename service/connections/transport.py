"""A connection's transport: reading pauses for two reasons, closing does not cut responses off."""

import asyncio
import fcntl
import termios
from struct import Struct

from service.connections.limits import LINGER_S, WRITE_PROGRESS_BYTES

_INT = Struct("i")

# A shorter piece is joined to the one before it: that is cheaper than writing two.
JOINED_BYTES = 16 * 1024


class ClientTransport:
    """Wraps the transport of one connection.

    Writing pauses until the kernel has taken every byte, so that what waits to go on knows that it has. The network has
    `write_s` seconds for that, and as many again for each `WRITE_PROGRESS_BYTES` that the client takes.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, write_s: float) -> None:
        self._write_s = write_s
        self._transport = transport
        self._loop = loop
        self._closing = False
        # Reading goes on while neither the request nor the connection has paused it.
        self._paused = False
        self._held = False
        self._reading = True
        # Whether bytes of the client are still to come that no request will read.
        self.unread = False
        # Whether a response was to be written when the client was gone already.
        self.broken = False
        # Whether the network takes what is written; where not, what waits for that.
        self.writable = True
        self._drained: asyncio.Event | None = None
        self._deadline: asyncio.TimerHandle | None = None
        # What the client had not acknowledged when the deadline was set.
        self._unsent = 0
        transport.set_write_buffer_limits(0)

    def write(self, data: bytes, behind: bytes = b"") -> None:
        """Write without waiting; `behind` follows `data`."""
        if self._transport.is_closing():
            self.broken = True
        elif len(behind) <= JOINED_BYTES:
            self._transport.write(data + behind if behind else data)
        else:
            self._transport.writelines([data, behind] if data else [behind])

    async def drained(self) -> None:
        """Wait until the network takes what is written again, or the connection has ended."""
        if not self.writable:
            self._drained = self._drained or asyncio.Event()
            await self._drained.wait()

    def is_closing(self) -> bool:
        """Tell whether anything more would be sent."""
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        """Send what was written and close; linger where the client is still sending."""
        if self._closing:
            return
        self._closing = True
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
        self._resume_writers()

    def pause_reading(self) -> None:
        """Stop reading, on behalf of the request."""
        if not self._paused:
            self._paused = True
            self._set_reading()

    def resume_reading(self) -> None:
        """Read again, on behalf of the request."""
        if self._paused:
            self._paused = False
            self._set_reading()

    def hold_reading(self, *, held: bool) -> None:
        """Stop reading or read again, on behalf of the connection."""
        if held != self._held:
            self._held = held
            self._set_reading()

    def set_writable(self, *, writable: bool) -> None:
        """Note that the network has taken what was written, or that it has not: then it must go on to."""
        self.writable = writable
        if writable:
            self._resume_writers()
        if self._closing:
            return
        if writable:
            self._cancel_abort()
        else:
            self._await_progress()

    def _resume_writers(self) -> None:
        drained, self._drained = self._drained, None
        self.writable = True
        if drained is not None:
            drained.set()

    def _set_reading(self) -> None:
        reading = self._closing or not (self._paused or self._held)
        if reading == self._reading or self._transport.is_closing():
            return
        self._reading = reading
        if reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _await_progress(self) -> None:
        self._unsent = self._count_unsent()
        self._cancel_abort()
        self._deadline = self._loop.call_later(self._write_s, self._check_progress)

    def _check_progress(self) -> None:
        """Give a client that reads more time, and end the connection of one that does not."""
        if self._transport.is_closing() or self._unsent - self._count_unsent() < WRITE_PROGRESS_BYTES:
            self._transport.abort()
        else:
            self._await_progress()

    def _count_unsent(self) -> int:
        """Return the bytes that the client has not acknowledged; in the kernel's queue alone there may be megabytes.

        The kernel asks for more only when a third of its queue is free: by the transport's own buffer a slow reader
        would seem to stand still.
        """
        queued = fcntl.ioctl(
            self._transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(_INT.size)
        )
        return self._transport.get_write_buffer_size() + int(_INT.unpack(queued)[0])

    def _abort_in(self, seconds: float) -> None:
        self._cancel_abort()
        self._deadline = self._loop.call_later(seconds, self._transport.abort)

    def _cancel_abort(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
