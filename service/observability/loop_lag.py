"""Measures how late the event loop is: the first thing that suffers when something blocks it."""

from asyncio import TimerHandle
from collections.abc import Callable
from typing import Protocol

# Often enough to see a block of tens of milliseconds, rare enough to cost nothing.
INTERVAL_S = 0.1


class Clock(Protocol):
    """The part of an event loop that is needed."""

    def time(self) -> float:
        """Return the time in seconds."""

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        """Have `callback` called at that time."""


class LagMonitor:
    """Asks to be called at fixed times and tells by how many seconds each call was late."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell
        self._timer: TimerHandle | None = None

    def start(self, clock: Clock) -> None:
        """Begin to measure."""
        due = clock.time() + INTERVAL_S

        def measure() -> None:
            self._tell(max(0.0, clock.time() - due))
            self.start(clock)

        self._timer = clock.call_at(due, measure)

    def stop(self) -> None:
        """Measure no more."""
        if self._timer is not None:
            self._timer.cancel()
