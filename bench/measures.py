"""What is read off a run: percentiles, silences, losses. Pure functions of what was noted."""

import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.load import Answered


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that `share` of all values do not exceed (nearest rank); NaN of none."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Latency:
    """How long clients waited; one that got no answer counts with the time after which it gave up."""

    p50_ms: float
    p99_ms: float
    max_ms: float


def latency(milliseconds: Iterable[float]) -> Latency:
    """Summarize latencies in milliseconds."""
    values = list(milliseconds)
    return Latency(percentile(values, 0.5), percentile(values, 0.99), max(values, default=math.nan))


def longest_silence(moments: Iterable[float], began: float, ended: float) -> float:
    """Return the longest time between `began` and `ended` (seconds) in which no answer came."""
    within = sorted(moment for moment in moments if began <= moment <= ended)
    edges = [began, *within, ended]
    return max(after - before for before, after in itertools.pairwise(edges))


def lost(answers: Iterable[Answered]) -> list[Answered]:
    """Return the requests that got neither a scored answer nor an honest refusal (429 or 503)."""
    return [answer for answer in answers if answer.status not in {200, 429, 503}]


def in_flight(answers: Iterable[Answered], moment: float) -> list[Answered]:
    """Return the requests that were under way at `moment` (Unix seconds)."""
    return [answer for answer in answers if answer.due <= moment < answer.ended]


def full_again(moments: Iterable[float], began: float, struck: float, ended: float) -> float | None:
    """Return how long after `struck` answers come at 80 % of the earlier rate again, None if they do not.

    Rates are those of windows of one second; the earlier one is that of all the time from `began` on.
    """
    all_moments = sorted(moments)
    before = sum(began <= moment < struck for moment in all_moments) / (struck - began)
    start = struck
    while start + 1 <= ended:
        if sum(start <= moment < start + 1 for moment in all_moments) >= 0.8 * before:
            return start - struck
        start += 0.05
    return None


def per_second(moments: Iterable[float], began: float, seconds: float, step: float) -> list[float]:
    """Count answers in steps of `step` seconds from `began` on; return answers a second of each step."""
    counts = [0] * math.ceil(seconds / step)
    for moment in moments:
        i = int((moment - began) // step)
        if 0 <= i < len(counts):
            counts[i] += 1
    return [count / step for count in counts]


def ratio(values: Sequence[float], base: Sequence[float]) -> tuple[float, float, float]:
    """Return the ratio of medians and the least and greatest ratio that the repeats allow."""
    middle = statistics.median(values) / statistics.median(base)
    return middle, min(values) / max(base), max(values) / min(base)
