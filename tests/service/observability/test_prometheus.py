"""Counters, gauges and histograms are written as Prometheus reads them."""

from prometheus_client.parser import text_string_to_metric_families

from service.observability.prometheus import Counter, Histogram, gauge, labelled
from tests.support.scrape import scrape


def test_a_counter_without_label_starts_at_zero() -> None:
    """Its one series is there before anything was counted."""
    counter = Counter("events_total", "Events.")

    assert scrape(counter.text().encode()) == {"events_total": 0}


def test_a_counter_has_a_series_for_each_value_from_the_start() -> None:
    """And counts each by itself."""
    counter = Counter("events_total", "Events.", "kind", ["good", "bad"])

    counter.add("bad")
    counter.add("bad", 2)

    assert scrape(counter.text().encode()) == {'events_total{kind="good"}': 0, 'events_total{kind="bad"}': 3}


def test_values_that_were_not_foreseen_share_one_series() -> None:
    """Whatever is counted, the number of series is bounded."""
    counter = Counter("events_total", "Events.", "kind", ["good"])

    for number in range(1000):
        counter.add(f"new {number}")

    assert scrape(counter.text().encode())['events_total{kind="_OTHER"}'] == 1000
    assert len(scrape(counter.text().encode())) == 2


def test_a_histogram_counts_what_is_at_most_each_bound() -> None:
    """A value equal to a bound lies below it, and the largest are below infinity alone."""
    histogram = Histogram("wait_seconds", "Waits.", (0.1, 1))

    for value in (0.05, 0.1, 0.5, 7):
        histogram.observe(value)

    assert scrape(histogram.text().encode()) == {
        'wait_seconds_bucket{le="0.1"}': 2,
        'wait_seconds_bucket{le="1"}': 3,
        'wait_seconds_bucket{le="+Inf"}': 4,
        "wait_seconds_sum": 7.65,
        "wait_seconds_count": 4,
    }


def test_a_histogram_with_labels_has_expected_series_at_zero() -> None:
    """So that the first observation is seen as a change."""
    histogram = Histogram("wait_seconds", "Waits.", (1,), ("route", "status"))

    histogram.expect("/score", 200)

    assert scrape(histogram.text().encode())['wait_seconds_count{route="/score",status="200"}'] == 0


def test_a_histogram_makes_unexpected_series_when_they_are_needed() -> None:
    """An observation is never lost."""
    histogram = Histogram("wait_seconds", "Waits.", (1,), ("route",))

    histogram.observe(0.5, "/score")

    assert scrape(histogram.text().encode())['wait_seconds_bucket{route="/score",le="1"}'] == 1


def test_label_values_are_escaped() -> None:
    """Quotes, backslashes and line breaks come back as they were."""
    value = 'a "name" with \\ and\nmore'

    text = gauge("info", "About.", {labelled({"name": value}): 1})

    [family] = text_string_to_metric_families(text)
    assert family.samples[0].labels == {"name": value}
