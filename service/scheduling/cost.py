"""Predicts how long a worker will need for a body that is not parsed yet, and learns from the time it took.

    cost = correction · (overhead + a · bytes + w · words + u · unknown words + c[similarity] · n²)

in seconds of one worker; `features` estimates the numbers. The term that is largest is the body's kind.

Coefficients are shared by all subjects. They start from measurements of one machine and follow this one by
exponentiated gradient steps (Kivinen and Warmuth, 1997): each is multiplied by exp(rate · error · its share of
the prediction). So they stay positive, need no scaling of the features, and a timing moves hardly more than the
coefficient of its body's kind. In each kind the subjects have equal votes, however many bodies they send: a timing
counts as many votes as other subjects have cast since this subject's last, divided by their number, at most one.

Corrections belong to one subject and one kind. They follow the error that the coefficients leave, quickly where a
body took much longer than predicted, since that harms others, and slowly otherwise. So what one subject sends is
predicted well after a few bodies, and changes nothing for others.

Before a body has come only its size is known. It is expected to cost as much for each byte as the subject's bodies
before it: a queue that is full is then as full for heads as for bodies, and no body is read to be refused.

Weaknesses: a client can make its n look smaller than it is, by a factor of at most 4, with a first document unlike
the others. One that sends cheap bodies of a kind can have the next of this kind predicted too low, by a factor of
at most 1 / `MIN_CORRECTION`.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from typing import NamedTuple

from service.scheduling.features import EXPLANATION, Features

# How much a vote counts: after 30 of them an error of a factor 2 is nearly gone.
RATE = 0.15

# How much of an error a subject's own correction takes over at once; more where a body took more than `SURPRISE`
# times its prediction. Smaller errors are noise, and count alike in both directions.
CORRECTION_RATE = 0.2
SURPRISE_RATE = 0.4
SURPRISE = 1.5
_SURPRISE_ERROR = log(SURPRISE)

# One timing is not taken for more wrong than this, as a logarithm: factor e.
MAX_ERROR = 1.0

# Shared coefficients stay within this factor of where they started: machines do not differ more.
MAX_DRIFT = 10.0

# Bodies of one kind differ by less. The lower bound is what a subject can gain by sending cheap bodies first.
MAX_CORRECTION = 8.0
MIN_CORRECTION = 0.25

# Of all subjects and kinds; 300 bytes each. The one that was used longest ago is dropped.
MAX_CORRECTIONS = 1_000

# How much of what is expected of a subject's bodies is the last one.
RECENT = 0.1

# Below this a timing is noise of the clock and the scheduler.
SHORTEST_S = 20e-6

# Seconds each, where nothing is learned yet; measured at d = 100.
_OVERHEAD = 100e-6
# Reading JSON and refusing it; strings are read faster, deep nesting takes longer.
_PER_BYTE = 4e-9
# A known word: found in the cache of words, its vector added.
_PER_WORD = 100e-9
# An unknown word: looked up, hashed into dozens of n-grams, their vectors added.
_PER_UNKNOWN = 9e-6
# For each of n²: the product and selection, or the writing of every number. Of an explanation, with n = 2, it is
# the whole: the largest term, so that what is learned of scoring stays apart.
_PER_PAIR = {"matrix": 40e-9, "pairs": 10e-9, "none": 1e-12, "neighbours": 20e-9, EXPLANATION: 100e-6}


# The terms of one prediction, in seconds: overhead, bytes, words, unknown words, pairs.
_Parts = tuple[float, float, float, float, float]


class Measured(NamedTuple):
    """A body that a worker has finished. scored: whether it was answered, not refused; answer_bytes: with how many."""

    subject: str
    features: Features
    scored: bool
    answer_bytes: int = 0


@dataclass(slots=True)
class _Correction:
    """factor: of what the coefficients predict. voted: how many votes its kind had when it last voted."""

    factor: float = 1.0
    voted: int = -1


class _Kind:
    """One term: its coefficient in seconds, the votes cast on it, and how many subjects have a correction in it."""

    __slots__ = ("coefficient", "start", "voters", "votes")

    def __init__(self, start: float) -> None:
        self.coefficient = self.start = start
        self.votes = self.voters = 0

    def multiply(self, factor: float) -> None:
        """Change the coefficient, within `MAX_DRIFT`."""
        moved = self.coefficient * factor
        self.coefficient = max(self.start / MAX_DRIFT, min(self.start * MAX_DRIFT, moved))


class CostModel:
    """The coefficients and corrections. Predicting and learning cost microseconds."""

    def __init__(self) -> None:
        self._fixed = tuple(_Kind(start) for start in (_OVERHEAD, _PER_BYTE, _PER_WORD, _PER_UNKNOWN))
        self._pairs = {name: _Kind(start) for name, start in _PER_PAIR.items()}
        self._corrections: OrderedDict[tuple[str, _Kind], _Correction] = OrderedDict()
        # Seconds for each byte of a subject's bodies, those of the last ones count most.
        self._rates: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """Return how many corrections are kept."""
        return len(self._corrections)

    def predict(self, subject: str, features: Features) -> float:
        """Return the seconds that a worker will need for a body of this subject."""
        prediction = self._terms(subject, features)[2]
        rate = prediction / max(1, features.size)
        before = self._rates.pop(subject, rate)
        self._rates[subject] = before + RECENT * (rate - before)
        if len(self._rates) > MAX_CORRECTIONS:
            self._rates.popitem(last=False)
        return prediction

    def expect(self, subject: str, size: int) -> float:
        """Return the seconds for a body of this subject of which only the size is known.

        Of a subject that has sent none yet the least: those for a body that the worker refuses.
        """
        overhead, per_byte, *_ = self._fixed
        least = overhead.coefficient + per_byte.coefficient * size
        return max(least, self._rates.get(subject, 0.0) * size)

    def learn(self, call: Sequence[Measured], seconds: float) -> None:
        """Learn from the seconds that a call took with all of its bodies.

        How long each took is not known: every body gets the error of the whole, and counts by its share of the
        prediction.
        """
        terms = [self._terms(body.subject, body.features) for body in call]
        total = sum(prediction for _, _, prediction in terms)
        error = log(max(seconds, SHORTEST_S) / total)
        steps: dict[_Kind, float] = {}
        for body, (parts, kind, prediction) in zip(call, terms, strict=True):
            weight = prediction / total
            correction = self._correction(body.subject, kind)
            if body.scored:
                step = RATE * weight * _vote(kind, correction) * _clamped(error + log(correction.factor))
                self._add_step(steps, body.features, parts, step / sum(parts))
            rate = SURPRISE_RATE if error > _SURPRISE_ERROR else CORRECTION_RATE
            factor = correction.factor * exp(rate * weight * _clamped(error))
            correction.factor = max(MIN_CORRECTION, min(MAX_CORRECTION, factor))
        for kind, step in steps.items():
            kind.multiply(exp(step))

    def _terms(self, subject: str, features: Features) -> tuple[_Parts, _Kind, float]:
        """Return the parts of a body's prediction, its kind, and the prediction."""
        parts = self._parts(features)
        kind = self._kind(features, parts)
        correction = self._corrections.get((subject, kind))
        return parts, kind, sum(parts) * (correction.factor if correction else 1.0)

    def _add_step(self, steps: dict[_Kind, float], features: Features, parts: _Parts, step: float) -> None:
        """Add to each coefficient's step its part of the prediction."""
        for kind, part in zip(self._fixed, parts, strict=False):
            steps[kind] = steps.get(kind, 0.0) + step * part
        pairs = self._pairs[features.similarity]
        steps[pairs] = steps.get(pairs, 0.0) + step * parts[-1]

    def _correction(self, subject: str, kind: _Kind) -> _Correction:
        """Return a subject's correction, made where there is none, as the one that was used last."""
        key = subject, kind
        found = self._corrections.get(key)
        if found is not None:
            self._corrections.move_to_end(key)
            return found
        if len(self._corrections) >= MAX_CORRECTIONS:
            (_, dropped), _ = self._corrections.popitem(last=False)
            dropped.voters -= 1
        kind.voters += 1
        self._corrections[key] = made = _Correction()
        return made

    def _parts(self, features: Features) -> _Parts:
        """Return the terms of the shared prediction, in seconds; that of the pairs last."""
        overhead, per_byte, per_word, per_unknown = self._fixed
        n = features.documents
        return (
            overhead.coefficient,
            per_byte.coefficient * features.size,
            per_word.coefficient * features.words,
            per_unknown.coefficient * features.unknown,
            self._pairs[features.similarity].coefficient * n * n,
        )

    def _kind(self, features: Features, parts: _Parts) -> _Kind:
        """Return the kind of a body: its largest term."""
        position = parts.index(max(parts))
        return self._fixed[position] if position < len(self._fixed) else self._pairs[features.similarity]


def _vote(kind: _Kind, correction: _Correction) -> float:
    """Return the weight of a timing, 0 to 1, and count it as a vote."""
    others = kind.voters - 1
    first = correction.voted < 0
    weight = 1.0 if first or not others else min(1.0, (kind.votes - correction.voted) / others)
    kind.votes += 1
    correction.voted = kind.votes
    return weight


def _clamped(error: float) -> float:
    return max(-MAX_ERROR, min(MAX_ERROR, error))
