"""Measures the lag of the event loop: by how much its timers are late because something blocks it."""

from asyncio import TimerHandle
from collections.abc import Callable
from typing import Protocol

# Seconds between two measurements: often enough to notice blocks of tens of milliseconds, and ten timers a second
# cost nothing that can be measured.
INTERVAL_S = 0.1


class Clock(Protocol):
    """The part of `asyncio.AbstractEventLoop` that the monitor uses."""

    def time(self) -> float:
        """Return the time in seconds, monotonic."""

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        """Call `callback` at the time `when`, unless the timer is cancelled."""


class LagMonitor:
    """Sets a timer every `INTERVAL_S` and calls `report` with the seconds by which each was late."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self._report = report
        self._timer: TimerHandle | None = None

    def start(self, clock: Clock) -> None:
        """Start measuring."""
        due = clock.time() + INTERVAL_S

        def measure() -> None:
            self._report(max(0.0, clock.time() - due))
            self.start(clock)

        self._timer = clock.call_at(due, measure)

    def stop(self) -> None:
        """Stop measuring."""
        if self._timer is not None:
            self._timer.cancel()
