"""Measures how late the event loop is: the first thing that suffers when something blocks it."""

import asyncio
from collections.abc import Callable

# Often enough to see a block of tens of milliseconds, rare enough to cost nothing.
INTERVAL_S = 0.1


class LagMonitor:
    """Asks to be called at fixed times and tells by how many seconds each call was late."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure the running loop."""
        self._arm(asyncio.get_running_loop())

    def stop(self) -> None:
        """Measure no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + INTERVAL_S
        self._timer = loop.call_at(self._due, self._measure, loop)

    def _measure(self, loop: asyncio.AbstractEventLoop) -> None:
        self._tell(max(0.0, loop.time() - self._due))
        self._arm(loop)
