"""Silences, losses and rates of invented answers."""

import pytest

from bench.comparison.external_load import Answered
from bench.comparison.measurements import (
    full_again,
    in_flight,
    longest_silence,
    lost,
    per_second,
    ratio,
    sustained,
)


def test_silence_counts_from_the_start_and_to_the_end() -> None:
    """A system that answers only in the middle was silent before and after that."""
    assert longest_silence([14.0, 15.0], began=10.0, ended=18.0) == 4.0


def test_a_system_that_never_answers_is_silent_throughout() -> None:
    """The whole time is one silence."""
    assert longest_silence([], began=0.0, ended=6.0) == 6.0


def test_answers_outside_the_run_break_no_silence() -> None:
    """Answers before the start or after the end do not count."""
    assert longest_silence([-1.0, 7.0], began=0.0, ended=6.0) == 6.0


def test_a_refusal_is_not_a_loss() -> None:
    """429 and 503 tell the client what to do; no answer, 500 and 504 do not."""
    answers = [Answered(1.0, 10.0, status, huge=False) for status in (200, 429, 503, 500, 504, 0)]

    assert [answer.status for answer in lost(answers)] == [500, 504, 0]


def test_a_request_is_in_flight_from_when_it_was_due_until_it_ended() -> None:
    """At 10 s only the request from 9.5 to 10.5 is in flight."""
    early, across, late = (Answered(ended, 1000.0, 200, huge=False) for ended in (10.0, 10.5, 11.5))

    assert in_flight([early, across, late], 10.0) == [across]


def test_answers_are_counted_in_steps() -> None:
    """Three answers in the first half second are six a second; answers outside the time are not counted."""
    assert per_second([0.1, 0.2, 0.3, 0.6, 1.1, -0.1], 0.0, 1.0, 0.5) == [6.0, 2.0]


def test_the_full_rate_is_back_when_answers_come_as_before() -> None:
    """Ten a second, none for two seconds, then ten a second again."""
    moments = [i / 10 for i in range(100) if not 30 <= i < 50]

    again = full_again(moments, began=0.0, struck=3.0, ended=10.0)

    assert again == pytest.approx(1.8, abs=0.1)


def test_a_system_at_half_its_rate_is_not_at_its_full_rate() -> None:
    """Half the answers are under the 80 % that count as full."""
    moments = [i / 10 for i in range(30)] + [3 + i / 5 for i in range(35)]

    assert full_again(moments, began=0.0, struck=3.0, ended=10.0) is None


def test_a_ratio_has_the_spread_that_the_repeats_allow() -> None:
    """The least is the smallest over the greatest, the most the greatest over the smallest."""
    assert ratio([8.0, 10.0, 12.0], [4.0, 5.0]) == (10 / 4.5, 8 / 5, 12 / 4)


def test_a_rate_is_sustained_up_to_the_first_that_is_too_slow() -> None:
    """A later point within the limit does not count: the system was over it before."""
    assert sustained([(10, 5.0), (20, 8.0), (30, 400.0), (40, 9.0)], 250.0) == 20
