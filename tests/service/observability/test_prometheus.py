"""Counters, gauges and histograms: what they count, and their text as Prometheus parses it."""

from prometheus_client.parser import text_string_to_metric_families

from service.observability.prometheus import Counter, Histogram, format_labels, gauge
from tests.support.prometheus_samples import parse_samples


def test_a_counter_without_label_starts_at_zero() -> None:
    """Its one series exists before anything was counted."""
    counter = Counter("events_total", "Events.")

    assert parse_samples(counter.text().encode()) == {"events_total": 0}


def test_a_counter_has_a_series_for_each_label_value_from_the_start() -> None:
    """Each value of the label is counted in its own series."""
    counter = Counter("events_total", "Events.", "kind", ["good", "bad"])

    counter.add("bad")
    counter.add("bad", 2)

    assert parse_samples(counter.text().encode()) == {
        'events_total{kind="good"}': 0,
        'events_total{kind="bad"}': 3,
    }


def test_unknown_label_values_share_one_series() -> None:
    """They are counted as `_OTHER`, so that the number of series is bounded."""
    counter = Counter("events_total", "Events.", "kind", ["good"])

    for number in range(1000):
        counter.add(f"new {number}")

    assert parse_samples(counter.text().encode())['events_total{kind="_OTHER"}'] == 1000
    assert len(parse_samples(counter.text().encode())) == 2


def test_a_bucket_counts_values_up_to_its_bound() -> None:
    """A value equal to a bound is in its bucket; larger values are only in the bucket of infinity."""
    histogram = Histogram("wait_seconds", "Waits.", (0.1, 1))

    for value in (0.05, 0.1, 0.5, 7):
        histogram.observe(value)

    assert parse_samples(histogram.text().encode()) == {
        'wait_seconds_bucket{le="0.1"}': 2,
        'wait_seconds_bucket{le="1"}': 3,
        'wait_seconds_bucket{le="+Inf"}': 4,
        "wait_seconds_sum": 7.65,
        "wait_seconds_count": 4,
    }


def test_a_series_that_was_added_is_at_zero() -> None:
    """A rate then sees the first observation as a change."""
    histogram = Histogram("wait_seconds", "Waits.", (1,), ("route", "status"))

    histogram.add_series("/score", 200)

    assert parse_samples(histogram.text().encode())['wait_seconds_count{route="/score",status="200"}'] == 0


def test_an_observation_adds_a_missing_series() -> None:
    """An observation with new label values is counted in a new series."""
    histogram = Histogram("wait_seconds", "Waits.", (1,), ("route",))

    histogram.observe(0.5, "/score")

    assert parse_samples(histogram.text().encode())['wait_seconds_bucket{route="/score",le="1"}'] == 1


def test_label_values_are_escaped() -> None:
    """Quotes, backslashes and line breaks are parsed back to the original value."""
    value = 'a "name" with \\ and\nmore'

    text = gauge("info", "About.", {format_labels({"name": value}): 1})

    [family] = text_string_to_metric_families(text)
    assert family.samples[0].labels == {"name": value}
