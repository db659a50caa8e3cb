"""A worker's handler that can also be told to score for a while by itself: its own rate, without any pool."""

import time
from collections.abc import Sequence
from pathlib import Path

from bench.documents import Payload, bodies, corpus
from service.api.outcome import Outcome
from service.limits import RequestLimits
from service.worker.handler import ScoringHandler
from service.worker.main import Buffer


class RatedHandler:
    """Scores, and obeys `rate SECONDS`: scores the payload's bodies for so long and answers how often."""

    def __init__(self, bundle: Path, payload: Payload) -> None:
        self._scoring = ScoringHandler(bundle, RequestLimits())
        self._bodies = bodies(payload, corpus())
        self.digest = self._scoring.digest

    def __call__(self, body: Buffer, accept: str) -> Outcome:
        """Answer one request."""
        if bytes(body[:5]) != b"rate ":
            return self._scoring(body, accept)
        return Outcome("ok", b"%d" % count(self._scoring, self._bodies, float(bytes(body[5:]))))

    def answer_all(self, items: Sequence[Buffer], accepts: Sequence[str]) -> list[Outcome]:
        """Answer several requests together; what is to be obeyed comes alone."""
        return self._scoring.answer_all(items, accepts)


def count(handler: ScoringHandler, items: Sequence[bytes], seconds: float) -> int:
    """Return how many bodies a handler answers within the time, one after the other."""
    done = 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        handler(items[done % len(items)], "json")
        done += 1
    return done
