"""The event loop's lag is measured by asking to be called at fixed times."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from service.observability.loop_lag import INTERVAL_S, LagMonitor


class VirtualClock:
    """A clock that a test sets, with the one timer that was asked for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = 0.0
        self.due = 0.0
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        self.due = when
        self._timer = asyncio.TimerHandle(when, callback, [], self._loop)
        return self._timer

    def ring(self, lateness: float) -> None:
        """Let the timer run so many seconds too late, unless it was cancelled."""
        assert self._timer is not None
        self.now = self.due + lateness
        if not self._timer.cancelled():
            self._timer._run()


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    """Return a clock at zero."""
    loop = asyncio.new_event_loop()
    yield VirtualClock(loop)
    loop.close()


def test_each_delay_is_told(clock: VirtualClock) -> None:
    """By as many seconds as the call was late; the next is asked for after it."""
    told: list[float] = []
    monitor = LagMonitor(told.append)

    monitor.start(clock)
    clock.ring(0.0)
    clock.ring(0.25)

    assert told == pytest.approx([0.0, 0.25])
    assert clock.due == pytest.approx(3 * INTERVAL_S + 0.25)


def test_it_stops(clock: VirtualClock) -> None:
    """No call is measured after that."""
    told: list[float] = []
    monitor = LagMonitor(told.append)

    monitor.start(clock)
    monitor.stop()
    clock.ring(1.0)

    assert told == []
