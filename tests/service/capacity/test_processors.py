"""The sharing of processors: speeds, ends and what has been done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.capacity.processors import LOOP_WEIGHT, Processors


def ends(processors: Processors) -> dict[int, float]:
    """Let everything end; return when each call did."""
    ended: dict[int, float] = {}
    while (now := processors.next_end()) < 1e9:
        processors.advance(now)
        processors.take_ended_loop()
        while (slot := processors.take_ended_call()) is not None:
            ended[slot] = now
    return ended


def test_work_takes_its_time_where_there_are_enough_processors() -> None:
    """Two workers and the event loop do not disturb each other on three processors."""
    processors = Processors(3, slowdown=1.0)
    processors.run_call(0, 1.0)
    processors.run_call(1, 2.0)
    processors.run_loop(5.0)

    assert ends(processors) == {0: pytest.approx(1.0), 1: pytest.approx(2.0)}


def test_workers_share_processors_equally() -> None:
    """Two on one processor take twice as long, until one of them is done."""
    processors = Processors(1, slowdown=1.0)
    processors.run_call(0, 1.0)
    processors.run_call(1, 2.0)

    assert ends(processors) == {0: pytest.approx(2.0), 1: pytest.approx(3.0)}


def test_the_event_loop_goes_before_a_worker() -> None:
    """On one processor it has the share that its priority gives it, and what it does is added to the call's time."""
    processors = Processors(1, slowdown=1.0)
    processors.run_call(0, 1.0)
    processors.run_loop(0.3)

    loop_end = processors.next_end()

    assert loop_end == pytest.approx(0.3 * (LOOP_WEIGHT + 1) / LOOP_WEIGHT)
    assert ends(processors) == {0: pytest.approx(1.3)}


def test_calls_are_slower_while_every_processor_is_busy() -> None:
    """They take `slowdown` times as long, and their own time again when the other is done."""
    processors = Processors(2, slowdown=1.5)
    processors.run_call(0, 1.0)
    processors.run_call(1, 2.0)

    assert ends(processors) == {0: pytest.approx(1.5), 1: pytest.approx(2.5)}


def test_a_killed_call_takes_nothing_more() -> None:
    """The other worker has the processor for itself from then on."""
    processors = Processors(1, slowdown=1.0)
    processors.run_call(0, 1.0)
    processors.run_call(1, 1.0)
    processors.advance(1.0)

    processors.kill_call(0)

    assert ends(processors) == {1: pytest.approx(1.5)}


@given(st.floats(0.2, 4), st.lists(st.floats(0.001, 1), min_size=1, max_size=6), st.floats(0, 1))
def test_all_work_is_done_no_faster_than_the_processors_allow(
    cpus: float, calls: list[float], loop: float
) -> None:
    """The end is neither before the longest piece nor before all work divided by the processors."""
    processors = Processors(cpus, slowdown=1.0)
    for slot, seconds in enumerate(calls):
        processors.run_call(slot, seconds)
    processors.run_loop(loop)

    ended = ends(processors)

    assert set(ended) == set(range(len(calls)))
    assert max(ended.values()) >= max(calls) - 1e-9
    assert max(ended.values()) <= (sum(calls) + loop) / min(cpus, 1) + 1e-9
