"""Sampling of measured calls."""

from random import Random

import pytest

from service.capacity.costs import Costs, Memory

CALLS = Costs({1: (1.0, 1.2), 4: (2.5, 2.5)}, 1.0, 0.0, 0.0, 0.0)


def test_a_call_of_a_measured_size_takes_one_of_the_measured_times() -> None:
    """All of them occur."""
    random = Random(1)

    assert {CALLS.sample_call(1, random) for _ in range(50)} == {1.0, 1.2}


def test_a_call_between_two_sizes_takes_a_time_in_proportion() -> None:
    """Two requests are a third of the way from one to four."""
    assert CALLS.sample_call(2, Random(1)) in (pytest.approx(1.0 + 1.5 / 3), pytest.approx(1.2 + 1.3 / 3))


def test_a_call_beyond_the_largest_size_takes_as_many_times_as_long() -> None:
    """It was not measured, since the scheduler makes no such call."""
    assert CALLS.sample_call(8, Random(1)) == 5.0


def test_the_least_time_of_a_request_is_that_in_the_best_calls() -> None:
    """Four together take 2.5."""
    assert CALLS.least_request_s() == 2.5 / 4


def test_memory_counts_the_model_once() -> None:
    """The workers share it."""
    assert Memory(server=100, worker=20, model=50).total(3) == 210
