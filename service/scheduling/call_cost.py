"""Predicts what a scorer of which nothing is known needs for a body, from its size, and learns from the time it took.

    seconds of a call = C + Σ own(body)        own = correction · (j + b · bytes), or correction · k · hint(bytes)

C is what a call costs whatever is in it, which its jobs share: a model's fixed overhead, the launch of a kernel.
Without C nothing would say that eight jobs in one call are cheaper than eight calls. A job is charged with its own
seconds and with its part of C in a call as full as it would be under load.

Until the first call has ended every job goes alone. That call sets the scale: half of its time is taken for C, and half
for the body, so that the next jobs that wait go in pairs, and show which of the two it was. From then on the
coefficients follow by exponentiated gradient steps (Kivinen and Warmuth, 1997), as in `cost`. Calls of one job, or of
as many each, tell nothing about sharing: so what calls of other sizes took is remembered. Where jobs do not gain from
it, they come to go alone; the guess then moves back slowly, until another pair is tried, since a scorer may change.

A correction belongs to one subject, whose bodies may be harder than their size shows. Weaknesses: subjects have no
equal votes on what is shared by all; and a body whose cost has nothing to do with its size is predicted by the mean.
"""

from collections import OrderedDict
from collections.abc import Sequence
from math import exp, log, log2
from typing import NamedTuple

from service.api.request import Operation
from service.scheduling.cost import Measured
from service.scheduling.features import Features, KnownModel
from service.scheduling.job import Job
from service.scheduling.scheduler import BATCH_S, SPLIT_S

# How much an error counts at least; the first few calls count more: the n-th by 1/n.
RATE = 0.1

# Calls are remembered as a mean for each size of batch: pairs alone, or single jobs alone, would fit any split between
# C and the jobs' own seconds. How much the last call counts in its mean, and the calls after which a mean that has got
# no new one counts half.
MEAN_RATE = 0.1
HALF_LIFE_CALLS = 200

# One timing is not taken for more wrong than this, as a logarithm: factor e.
MAX_ERROR = 1.0

# A first body of fewer bytes is taken for one of so many: its time for each byte would be absurd for larger ones.
_SMALL_BYTES = 256

# Of a body before anything is known. More than `SPLIT_S`, so that the first jobs go alone.
FIRST_GUESS_S = 0.01

# The part of a call of one job that moves from the job's own time to C, until both are equal.
RETRY_RATE = 0.001

# Of what the coefficients predict, for one subject; the lower bound is what it can gain by sending cheap bodies first.
MAX_CORRECTION = 8.0
MIN_CORRECTION = 0.25
CORRECTION_RATE = 0.2

# The subject that was heard of longest ago is dropped.
MAX_SUBJECTS = 1_000

# Below this a timing is noise of the clock and the scheduler.
SHORTEST_S = 20e-6

# Bytes of an answer for each byte of its body, before one was seen; and how quickly that follows, up and down. Too low
# lets too many answers in, so it follows quickly up.
_FIRST_RATIO = 1.0
_RATIO_UP, _RATIO_DOWN = 0.5, 0.05

# What any answer has beside: added to both sides of the ratio, so that a tiny body does not make it huge.
_EXTRA_BYTES = 256


class _Mean(NamedTuple):
    """What calls with about as many jobs took: sums of the terms, seconds, and the number of the last such call."""

    sums: tuple[float, ...]
    seconds: float
    call: int


class SizePredictor:
    """Predicts by the size of a body. Belongs to the event loop's thread.

    overhead: C, in seconds.
    """

    def __init__(self, batch_jobs: int, costs: Sequence[float] = ()) -> None:
        """batch_jobs: the most that share a call. costs: the seconds hinted for 2ᵏ bytes, at position k."""
        self.overhead = 0.0
        self._batch_jobs = batch_jobs
        self._hints = tuple(costs)
        # Of the terms of `_terms`.
        self._coefficients = [1.0] if costs else [FIRST_GUESS_S, 0.0]
        self._calls = 0
        # By the number of jobs, as a power of two.
        self._means: dict[int, _Mean] = {}
        self._last = _Mean((), 0.0, 0)
        self._corrections: OrderedDict[str, float] = OrderedDict()
        self._ratio = _FIRST_RATIO

    def follow(self, model: KnownModel | None) -> None:
        """Go on: a scorer that was loaded anew most likely costs what it did."""

    def read(self, body: bytes, operation: Operation) -> Features:
        """Return the size of a body."""
        return Features(len(body), 1, "none")

    @property
    def subjects(self) -> int:
        """Return how many subjects have a correction."""
        return len(self._corrections)

    def predict(self, job: Job) -> int:
        """Note costs in a job; return the bytes that its answer should have."""
        size = job.features.size
        own = self._own(job.subject, size)
        if not self._calls:
            own = max(own, 2 * SPLIT_S)
        job.overhead = self.overhead
        job.shared = self.overhead / self._mates(own)
        job.cost = own + job.shared
        return int(self._ratio * (size + _EXTRA_BYTES))

    def expect(self, subject: str, size: int) -> float:
        """Return the seconds for a body of this size; of a subject that has sent none yet the least."""
        known = subject in self._corrections
        return self._own(subject, size) if known else MIN_CORRECTION * self._shared_part(size)

    def learn(self, call: Sequence[Measured], seconds: float) -> None:
        """Learn from the seconds that a call took with all of its bodies."""
        seconds = max(seconds, SHORTEST_S)
        for body in call:
            if body.scored:
                self._learn_ratio(body)
        self._calls += 1
        if self._calls == 1:
            self._set_scale([body.features.size for body in call], seconds)
            return
        self._remember([body.features.size for body in call], seconds)
        self._fit()
        owns = [self._own(body.subject, body.features.size) for body in call]
        total = self.overhead + sum(owns)
        error = _clamped(log(seconds / total))
        for body, own in zip(call, owns, strict=True):
            self._correct(body.subject, CORRECTION_RATE * error * own / total)
        if len(call) == 1 and self.overhead < owns[0]:
            self._doubt(owns[0])

    def _remember(self, sizes: Sequence[int], seconds: float) -> None:
        """Take a call into the mean of those with about as many jobs."""
        sums = tuple(sum(terms, 0.0) for terms in zip(*map(self._terms, sizes), strict=True))
        number = len(sizes).bit_length()
        # The call itself counts too: by their sizes single calls differ, and means do not.
        self._last = _Mean(sums, seconds, self._calls)
        before = self._means.get(number)
        if before is not None:
            sums = tuple(old + MEAN_RATE * (new - old) for old, new in zip(before.sums, sums, strict=True))
            seconds = before.seconds + MEAN_RATE * (seconds - before.seconds)
        self._means[number] = _Mean(sums, seconds, self._calls)

    def _fit(self) -> None:
        """Move each coefficient by its share of the error of each mean, without the subjects' corrections."""
        for mean in (*self._means.values(), self._last):
            parts = [factor * value for factor, value in zip(self._coefficients, mean.sums, strict=True)]
            total = self.overhead + sum(parts)
            # Divided by the squares, so that a step takes the same part of an error off whatever the shares are.
            squares = sum((part / total) ** 2 for part in (self.overhead, *parts))
            weight = 0.5 ** ((self._calls - mean.call) / HALF_LIFE_CALLS)
            rate = weight * max(RATE, 1 / self._calls)
            step = rate * _clamped(log(mean.seconds / total)) / squares / total
            self._coefficients = [
                factor * exp(step * part) for factor, part in zip(self._coefficients, parts, strict=True)
            ]
            self.overhead *= exp(step * self.overhead)

    def _mates(self, own: float) -> int:
        """Return how many jobs of these own seconds share a call under load, as the scheduler fills it."""
        if own > max(SPLIT_S, self.overhead):
            return 1
        return max(1, min(self._batch_jobs, int(max(BATCH_S, own + self.overhead) / own)))

    def _set_scale(self, sizes: Sequence[int], seconds: float) -> None:
        self.overhead = seconds / 2
        each = seconds / 2 / len(sizes)
        if self._hints:
            self._coefficients = [each * len(sizes) / sum(self._hint(size) for size in sizes)]
        else:
            self._coefficients = [each / 2, each / 2 / max(_SMALL_BYTES, sum(sizes) / len(sizes))]

    def _doubt(self, own: float) -> None:
        """Move a little of a job's own seconds to those that are shared, towards where a pair would be tried."""
        self._coefficients = [(1 - RETRY_RATE) * factor for factor in self._coefficients]
        self.overhead += RETRY_RATE * own

    def _terms(self, size: int) -> tuple[float, ...]:
        return (self._hint(size),) if self._hints else (1.0, float(size))

    def _shared_part(self, size: int) -> float:
        """Return the seconds of a body, before the correction of its subject."""
        terms = self._terms(size)
        return sum(factor * term for factor, term in zip(self._coefficients, terms, strict=True))

    def _own(self, subject: str, size: int) -> float:
        return max(1e-9, self._shared_part(size) * self._corrections.get(subject, 1.0))

    def _hint(self, size: int) -> float:
        """Return what the scorer expects for a size, between two samples in proportion."""
        at = log2(max(1, size))
        low = min(int(at), len(self._hints) - 1)
        high = min(low + 1, len(self._hints) - 1)
        part = size / 2**low - 1 if high > low else 0.0
        return self._hints[low] + (self._hints[high] - self._hints[low]) * max(0.0, part)

    def _correct(self, subject: str, step: float) -> None:
        factor = self._corrections.pop(subject, 1.0) * exp(step)
        if len(self._corrections) >= MAX_SUBJECTS:
            self._corrections.popitem(last=False)
        self._corrections[subject] = max(MIN_CORRECTION, min(MAX_CORRECTION, factor))

    def _learn_ratio(self, body: Measured) -> None:
        ratio = body.answer_bytes / (body.features.size + _EXTRA_BYTES)
        self._ratio += (_RATIO_UP if ratio > self._ratio else _RATIO_DOWN) * (ratio - self._ratio)


def _clamped(error: float) -> float:
    return max(-MAX_ERROR, min(MAX_ERROR, error))
