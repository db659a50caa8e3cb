"""What `/status` answers: the slots, the queue, and the last minute in numbers.

A minute is kept as sixty seconds of counts by rising bounds: an observation costs the same at every rate,
memory is bounded, and a quantile is off by at most 3 %.
"""

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import orjson

from service.api.problems import FAILURES
from service.api.request import WORK_ROUTES
from service.observability.request_record import CLIENT_CLOSED, RequestRecord

MINUTE = 60

# Each bound is 6 % above the one below it, so that no value is further than 3 % from the middle between two.
_STEP = math.log(1.06)

# Seconds. Shorter times are counted as this.
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class SlotSnapshot:
    """One slot at a moment; pid is None while there is no worker, digest (of its model) until it can serve."""

    slot: int
    pid: int | None
    state: str
    calls: int
    restarts: int
    memory_bytes: int
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The pool at a moment: its slots, and what waits: jobs, predicted seconds of one worker, subjects.

    answer_bytes: what answers hold that their clients have not read, as in `answer_budget`; answer_subjects: whose.
    digest: what the workers serve, empty where they do not say. job_states: how many durable jobs are in each state.
    """

    slots: tuple[SlotSnapshot, ...]
    jobs: int
    cost_s: float
    subjects: int
    answer_bytes: int = 0
    answer_subjects: int = 0
    digest: str = ""
    job_states: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Second:
    """The observations of one second: by bound, the largest, and what is counted along with them."""

    number: int
    bounds: Counter[int] = field(default_factory=Counter)
    largest: float = 0.0
    tally: Counter[str] = field(default_factory=Counter)

    def observe(self, seconds: float) -> None:
        """Add one observation of a time."""
        self.bounds[math.floor(math.log(max(seconds, _LEAST)) / _STEP)] += 1
        self.largest = max(self.largest, seconds)


class SlidingWindow:
    """Observations and counts of the last minute: fifty-nine whole seconds and the one that runs."""

    def __init__(self) -> None:
        self._seconds: deque[_Second] = deque(maxlen=MINUTE)

    def observe(self, now: float, seconds: float) -> None:
        """Add one observation of a time."""
        self.at(now).observe(seconds)

    def at(self, now: float) -> _Second:
        """Return the second that runs, to add to it."""
        if not self._seconds or self._seconds[-1].number != int(now):
            self._seconds.append(_Second(int(now)))
        return self._seconds[-1]

    def counted(self, now: float, what: str) -> int:
        """Return the count of the last minute."""
        return sum(second.tally[what] for second in self._since(now))

    def quantiles(self, now: float, *shares: float) -> list[float | None]:
        """Return for each share the time, in seconds, that this share of observations stayed below.

        The share 1 is the largest and exact. None where there were no observations.
        """
        seconds = self._since(now)
        bounds: Counter[int] = Counter()
        for second in seconds:
            bounds.update(second.bounds)
        largest = max((second.largest for second in seconds), default=0.0)
        return [_quantile(bounds, largest, share) for share in shares]

    def _since(self, now: float) -> list[_Second]:
        return [second for second in self._seconds if second.number > int(now) - MINUTE]


def _quantile(bounds: Counter[int], largest: float, share: float) -> float | None:
    below, rank = 0, share * bounds.total()
    for bound in sorted(bounds):
        below += bounds[bound]
        if share < 1 and below >= rank:
            return min(math.exp((bound + 0.5) * _STEP), largest)
    return largest if bounds else None


class LastMinute:
    """The last minute of one server; belongs to the event loop's thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock`: the event loop's, in seconds."""
        self._clock = clock
        self._requests = SlidingWindow()
        self._lags = SlidingWindow()

    def ended(self, record: RequestRecord) -> None:
        """Note the end of a request that is for the workers.

        Only what was worked on has its time noted: during an overload the quick refusals would hide the rest.
        """
        if record.route not in WORK_ROUTES:
            return
        second = self._requests.at(record.ended)
        tally = second.tally
        tally["requests"] += 1
        failed = record.status == CLIENT_CLOSED or record.code in FAILURES
        if failed:
            tally["failures"] += 1
        if record.outcome is not None and record.code == "ok":
            tally["documents"] += record.outcome.facts.documents
        if record.outcome is not None or failed:
            second.observe(record.ended - record.began)

    def loop_lagged(self, lag_s: float) -> None:
        """Note by how many seconds the event loop was late."""
        self._lags.observe(self._clock(), lag_s)

    def describe(self, snapshot: Snapshot) -> bytes:
        """Encode the answer of `/status`; times that were not observed are null."""
        now = self._clock()
        counted = {what: self._requests.counted(now, what) for what in ("requests", "documents", "failures")}
        times = self._requests.quantiles(now, 0.5, 0.99, 1)
        lags = self._lags.quantiles(now, 0.99, 1)
        status = {
            "slots": snapshot.slots,
            "queue": {"jobs": snapshot.jobs, "cost_s": snapshot.cost_s, "subjects": snapshot.subjects},
            "answers": {"bytes": snapshot.answer_bytes, "subjects": snapshot.answer_subjects},
            "last_minute": counted | _milliseconds(("p50_ms", "p99_ms", "max_ms"), times),
            "loop_lag_ms": _milliseconds(("p99", "max"), lags),
            "jobs": dict(snapshot.job_states),
        }
        return orjson.dumps(status)


def _milliseconds(names: tuple[str, ...], seconds: list[float | None]) -> dict[str, float | None]:
    values = (None if value is None else round(value * 1e3, 3) for value in seconds)
    return dict(zip(names, values, strict=True))
