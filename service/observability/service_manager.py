"""Tells the service manager how the server is, as sd_notify(3) describes: systemd with `Type=notify`.

    READY=1 once the server answers at its address, WATCHDOG=1 from the event loop, STOPPING=1 with the drain,
    RELOADING=1 when it begins to reload, and READY=1 again when that has ended, one way or the other

Each message is one datagram to the socket that `NOTIFY_SOCKET` names; without that variable nothing is sent. A loop
that is blocked feeds no watchdog, and systemd then kills and restarts the service (`WatchdogSec=`).
"""

import os
import socket
import time
from asyncio import TimerHandle
from collections.abc import Mapping
from contextlib import suppress

from service.observability.loop_lag import Clock

_MICROSECONDS = 1e6


class ServiceManager:
    """The way to the manager that started this process, if one asked to be told; belongs to the event loop's thread."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # An abstract socket begins with a zero byte, written as @.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog_s = watchdog_s(environ)
        self._timer: TimerHandle | None = None
        self._serving = ""

    def ready(self, address: str, clock: Clock) -> None:
        """Say that the server answers at `address`, and feed the watchdog from now on."""
        self._serving = f"READY=1\nSTATUS=serving on {address}"
        self._send(self._serving)
        if self._address and self._watchdog_s:
            self._feed(clock)

    def reloading(self) -> None:
        """Say that a reload has begun."""
        # systemd tells an answer to its own signal by the time (`Type=notify-reload`).
        if self._serving:
            self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1_000}\nSTATUS=reloading")

    def reloaded(self) -> None:
        """Say that a reload has ended, unless the drain has begun meanwhile."""
        if self._serving:
            self._send(self._serving)

    def stopping(self) -> None:
        """Say that the drain has begun; the watchdog is fed until `close`."""
        self._serving = ""
        self._send("STOPPING=1\nSTATUS=draining")

    def close(self) -> None:
        """Feed the watchdog no longer."""
        if self._timer is not None:
            self._timer.cancel()

    def _feed(self, clock: Clock) -> None:
        self._send("WATCHDOG=1")
        # Half of the time that is allowed, as sd_watchdog_enabled(3) recommends.
        self._timer = clock.call_at(clock.time() + self._watchdog_s / 2, lambda: self._feed(clock))

    def _send(self, message: str) -> None:
        """Send a datagram; one that a stalled manager has no room for is lost, and the event loop goes on."""
        if not self._address:
            return
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender,
        ):
            sender.sendto(message.encode(), self._address)


def watchdog_s(environ: Mapping[str, str]) -> float:
    """Return the seconds within which the manager must hear of this process; 0 where it has no watchdog for it."""
    allowed, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not allowed.isdecimal() or pid not in {"", str(os.getpid())}:
        return 0.0
    return int(allowed) / _MICROSECONDS
