"""What a load met: goodput, latencies, refusals. The same of a simulation and of a real run."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from service.capacity.simulation import Load, Simulated


class Answer(NamedTuple):
    """One request's end. Times in seconds of any clock.

    due: when its client wanted to send it. sent, ended: when it was sent, and answered. scored: whether with scores;
    else it was refused, or failed. retry_after: seconds, 0 without.
    """

    due: float
    sent: float
    ended: float
    scored: bool
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What a load met, without its warm-up.

    goodput: scored answers a second. p50_s, p99_s: from a request's due time to its scores; NaN without any.
    refused: the share of requests without scores. refused_p50_s, refused_p99_s: from a request's sending to its
    refusal. retry_after_s: of the refusals, the median.
    """

    rate: float
    goodput: float
    p50_s: float
    p99_s: float
    refused: float
    refused_p50_s: float
    refused_p99_s: float
    retry_after_s: float


def summarize(answers: Iterable[Answer], begin: float, seconds: float) -> Result:
    """Summarize the requests that were due within so many seconds from `begin` on.

    The goodput counts what was answered in that time, whenever it was due.
    """
    every = list(answers)
    due = [answer for answer in every if begin <= answer.due < begin + seconds]
    latencies = sorted(answer.ended - answer.due for answer in due if answer.scored)
    refusals = [answer for answer in due if not answer.scored]
    waits = sorted(answer.ended - answer.sent for answer in refusals)
    good = sum(answer.scored and begin <= answer.ended < begin + seconds for answer in every)
    return Result(
        rate=len(due) / seconds,
        goodput=good / seconds,
        p50_s=_quantile(latencies, 0.5),
        p99_s=_quantile(latencies, 0.99),
        refused=len(refusals) / max(1, len(due)),
        refused_p50_s=_quantile(waits, 0.5),
        refused_p99_s=_quantile(waits, 0.99),
        retry_after_s=_quantile(sorted(answer.retry_after for answer in refusals), 0.5),
    )


def of_simulation(simulated: Simulated, load: Load) -> Result:
    """Summarize a simulated load."""
    answers = (
        Answer(request.due, request.sent, request.ended, request.code == "ok", request.retry_after)
        for request in simulated.requests
    )
    return summarize(answers, load.warm_up_s, load.seconds)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` of all do not exceed (nearest rank); NaN without values."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
