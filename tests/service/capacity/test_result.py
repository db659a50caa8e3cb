"""Summaries of loads."""

from math import isnan

from service.capacity.result import Answer, summarize


def test_only_what_was_due_in_time_is_counted() -> None:
    """The warm-up is left out; goodput counts by the time of the answer."""
    answers = [
        Answer(due=0.5, sent=0.5, ended=1.5, scored=True),
        Answer(due=1.5, sent=1.5, ended=2.0, scored=True),
        Answer(due=1.6, sent=1.7, ended=1.8, scored=False, retry_after=3),
        Answer(due=2.5, sent=2.5, ended=9.0, scored=True),
    ]

    result = summarize(answers, begin=1.0, seconds=2.0)

    assert result.rate == 1.5
    assert result.goodput == 1.0
    assert (result.p50_s, result.p99_s) == (0.5, 6.5)
    assert result.refused == 1 / 3
    assert round(result.refused_p50_s, 9) == 0.1
    assert result.retry_after_s == 3


def test_without_answers_there_are_no_latencies() -> None:
    """They are not a number, and nothing was refused."""
    result = summarize([], 0.0, 1.0)

    assert isnan(result.p99_s)
    assert result.refused == 0
