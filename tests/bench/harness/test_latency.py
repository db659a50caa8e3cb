"""Percentiles of latencies."""

import math

from bench.harness.latency import latency, percentile


def test_a_percentile_is_one_of_the_values() -> None:
    """The nearest rank: 99 % of 1 to 100 do not exceed 99."""
    values = range(1, 101)

    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1.0)) == (50, 99, 100)


def test_no_answers_have_no_percentile() -> None:
    """A run without answers has no latency, rather than a perfect one."""
    nothing = latency([])

    assert all(math.isnan(value) for value in (nothing.p50_ms, nothing.p99_ms, nothing.max_ms))
