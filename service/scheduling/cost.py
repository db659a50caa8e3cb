"""Predicts how long a worker will need for a body that is not parsed yet, and learns from the time it took.

    cost = overhead + a · bytes + c[similarity] · n²         seconds of one worker

n, the number of documents, is bounded by counting quotes. The coefficients start from measurements of one
machine and follow this one by exponentiated gradient steps (Kivinen and Warmuth, 1997): each is multiplied by
exp(rate · error · its share of the prediction). So they stay positive, need no scaling of the features, and
one wild timing moves them by a bounded factor. Weakness: a client can make its n look smaller than it is, by
a factor of at most 4, with a first document unlike the others.
"""

from dataclasses import dataclass
from math import exp, log

import numpy as np

# The options and the shape of the documents are searched for here: serialisers put options first or last.
_EDGE_BYTES = 512

_SMALL_BYTES = 8 * 1024

# {"id":"a","text":"b"} has eight quotes, {"text":"b"} four, "b" two.
_QUOTES = {(True, True): 8, (True, False): 4}

# How much a timing counts: after 30 of them an error of a factor 2 is nearly gone.
RATE = 0.15

# One timing is not taken for more wrong than this, as a logarithm: factor e.
MAX_ERROR = 1.0

# Coefficients stay within this factor of where they started: machines do not differ more.
MAX_DRIFT = 100.0

# Below this a timing is noise of the clock and the scheduler.
SHORTEST_S = 20e-6


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of a body without parsing it: its bytes, a bound on its documents, its `similarity`."""

    size: int
    documents: int
    similarity: str


class CostModel:
    """The coefficients. Predicting and learning cost a microsecond, `features` reads a body at 10 GB/s."""

    def __init__(self, max_documents: int) -> None:
        self._max_documents = max_documents
        self._overhead = self._start_overhead = 100e-6
        # 300 documents of 100 words take about 4 ms: 600 bytes and 13 µs each.
        self._per_byte = self._start_per_byte = 20e-9
        self._per_pair = dict(_PER_PAIR)

    def features(self, body: bytes) -> Features:
        """Estimate the features of a body without parsing it."""
        edges = body[:_EDGE_BYTES] + body[-_EDGE_BYTES:]
        shape = b'"text"' in edges, b'"id"' in edges
        documents = _count_quotes(body) // _QUOTES.get(shape, 2)
        similarity = next((name for name, quoted in _NAMES.items() if quoted in edges), "neighbours")
        return Features(len(body), max(1, min(documents, self._max_documents)), similarity)

    def predict(self, features: Features) -> float:
        """Return the seconds that a worker will need."""
        return sum(self._parts(features))

    def least(self, size: int) -> float:
        """Return the seconds for a body of which only the size is known: with one document."""
        return self._overhead + self._per_byte * size

    def learn(self, features: Features, seconds: float) -> None:
        """Correct the coefficients by what a body really took."""
        parts = self._parts(features)
        predicted = sum(parts)
        error = log(max(seconds, SHORTEST_S) / predicted)
        step = RATE * max(-MAX_ERROR, min(MAX_ERROR, error)) / predicted
        overhead, per_byte, per_pair = (exp(step * part) for part in parts)
        name = features.similarity
        self._overhead = _bounded(self._overhead * overhead, self._start_overhead)
        self._per_byte = _bounded(self._per_byte * per_byte, self._start_per_byte)
        self._per_pair[name] = _bounded(self._per_pair[name] * per_pair, _PER_PAIR[name])

    def _parts(self, features: Features) -> tuple[float, float, float]:
        n = features.documents
        return self._overhead, self._per_byte * features.size, self._per_pair[features.similarity] * n * n


# Seconds for each of n² at d = 100: the product and selection, or the writing of every number.
_PER_PAIR = {"matrix": 40e-9, "pairs": 10e-9, "none": 1e-12, "neighbours": 20e-9}
_NAMES = {name: b'"%b"' % name.encode() for name in _PER_PAIR if name != "neighbours"}


def _count_quotes(body: bytes) -> int:
    """Return how many there are; in a large body six times as fast as `bytes.count`, which stops at each."""
    if len(body) < _SMALL_BYTES:
        return body.count(b'"')
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == ord('"')))


def _bounded(value: float, start: float) -> float:
    return max(start / MAX_DRIFT, min(start * MAX_DRIFT, value))
