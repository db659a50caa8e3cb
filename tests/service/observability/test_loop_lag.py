"""The lag of the event loop is the lateness of a repeated timer."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from service.observability.loop_lag import INTERVAL_S, LagMonitor


class VirtualClock:
    """A clock that the test advances, with the one timer that was set last."""

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

    def fire(self, lateness: float) -> None:
        """Advance to `lateness` seconds after the timer was due and run it, unless it was cancelled."""
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


def test_each_delay_is_reported(clock: VirtualClock) -> None:
    """The seconds by which a timer was late are reported; the next timer is set from then on."""
    reported: list[float] = []
    monitor = LagMonitor(reported.append)

    monitor.start(clock)
    clock.fire(0.0)
    clock.fire(0.25)

    assert reported == pytest.approx([0.0, 0.25])
    assert clock.due == pytest.approx(3 * INTERVAL_S + 0.25)


def test_nothing_is_reported_after_stop(clock: VirtualClock) -> None:
    """`stop` cancels the timer."""
    reported: list[float] = []
    monitor = LagMonitor(reported.append)

    monitor.start(clock)
    monitor.stop()
    clock.fire(1.0)

    assert reported == []
