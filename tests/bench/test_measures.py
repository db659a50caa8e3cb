"""Percentiles, silences and losses of made-up answers."""

import math

import pytest

from bench.load import Answered
from bench.measures import (
    full_again,
    in_flight,
    latency,
    longest_silence,
    lost,
    per_second,
    percentile,
    ratio,
)


def test_a_percentile_is_one_of_the_values() -> None:
    """The nearest rank: 99 % of 1 to 100 do not exceed 99."""
    values = range(1, 101)

    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1.0)) == (50, 99, 100)


def test_nothing_has_no_percentile() -> None:
    """A run without answers has no latency, rather than a perfect one."""
    nothing = latency([])

    assert all(math.isnan(value) for value in (nothing.p50_ms, nothing.p99_ms, nothing.max_ms))


def test_silence_counts_from_the_start_and_to_the_end() -> None:
    """A system that answers only in the middle was silent before and after."""
    assert longest_silence([14.0, 15.0], began=10.0, ended=18.0) == 4.0


def test_a_system_that_never_answers_is_silent_throughout() -> None:
    """The whole time is one silence."""
    assert longest_silence([], began=0.0, ended=6.0) == 6.0


def test_answers_outside_the_run_break_no_silence() -> None:
    """What came before the start or after the end does not count."""
    assert longest_silence([-1.0, 7.0], began=0.0, ended=6.0) == 6.0


def test_a_refusal_is_not_a_loss() -> None:
    """429 and 503 tell the client what to do; no answer, 500 and 504 do not."""
    answers = [Answered(1.0, 10.0, status, huge=False) for status in (200, 429, 503, 500, 504, 0)]

    assert [answer.status for answer in lost(answers)] == [500, 504, 0]


def test_a_request_is_in_flight_from_when_it_was_due_until_it_ended() -> None:
    """At 10 s only the request from 9.5 to 10.5 is under way."""
    early, across, late = (Answered(ended, 1000.0, 200, huge=False) for ended in (10.0, 10.5, 11.5))

    assert in_flight([early, across, late], 10.0) == [across]


def test_answers_are_counted_in_steps() -> None:
    """Three answers in the first half second are six a second; what lies outside is not counted."""
    assert per_second([0.1, 0.2, 0.3, 0.6, 1.1, -0.1], 0.0, 1.0, 0.5) == [6.0, 2.0]


def test_a_system_is_itself_again_when_answers_come_as_before() -> None:
    """Ten a second, none for two seconds, then ten a second again."""
    moments = [i / 10 for i in range(100) if not 30 <= i < 50]

    again = full_again(moments, began=0.0, struck=3.0, ended=10.0)

    assert again == pytest.approx(1.8, abs=0.1)


def test_a_system_that_stays_at_half_is_never_itself_again() -> None:
    """Half the answers are under the 80 % that count as full."""
    moments = [i / 10 for i in range(30)] + [3 + i / 5 for i in range(35)]

    assert full_again(moments, began=0.0, struck=3.0, ended=10.0) is None


def test_a_ratio_has_the_spread_that_the_repeats_allow() -> None:
    """The least is the smallest over the greatest, the most the greatest over the smallest."""
    assert ratio([8.0, 10.0, 12.0], [4.0, 5.0]) == (10 / 4.5, 8 / 5, 12 / 4)
