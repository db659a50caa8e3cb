"""What a worker does for one request: bytes in, bytes out. It knows nothing of processes, queues or HTTP.

body ── decode ──→ ScoreRequest ── embed, cluster, similarity ──→ Scores ── encode ──→ Answer.body
"""

import time
from pathlib import Path

import numpy as np

from scoring.bundle import open_bundle
from scoring.pipeline import Options, Scorer, Scores
from service.answer import Answer, Facts
from service.encoding import encode_json, encode_npy
from service.problems import partial
from service.schema import Buffer, Limits, RequestError, ScoreRequest, decode


class Handler:
    """Answers requests with one bundle, one after the other, in one thread.

    Opening it is cheap (memory-mapped), so that a replaced worker is ready in milliseconds.
    """

    def __init__(self, bundle: Path, limits: Limits) -> None:
        """Open `bundle`.

        Raises: BundleError when it cannot be used.
        """
        self._scorer = Scorer(open_bundle(bundle))
        self._limits = limits
        self.digest = self._scorer.bundle.digest

    def __call__(self, body: Buffer, accept: str) -> Answer:
        """Answer one request; what is wrong with it is an `Answer` too, never an exception."""
        stages = _Stages()
        try:
            request = decode(body, self._limits)
            _check_acceptable(request, accept)
        except RequestError as error:
            return Answer(
                error.code, partial(error.detail, error.errors), Facts(stages=stages.ended("decode"))
            )
        stages("decode")
        options = Options(request.similarity, request.neighbours, request.threshold)
        scores = self._scorer.score(request.texts, options, stages)
        encoded = self._encode(request, scores, accept)
        return Answer("ok", encoded, _facts(scores, stages.ended("encode")))

    def _encode(self, request: ScoreRequest, scores: Scores, accept: str) -> bytes:
        if accept == "npy" and scores.matrix is not None:
            return encode_npy(scores.matrix)
        return encode_json(request.ids, scores, self._scorer.bundle, vectors=request.vectors)


class _Stages:
    """Notes how long each stage took; called at the moment that one ends."""

    def __init__(self) -> None:
        self._passed: list[tuple[str, float]] = []
        self._since = time.perf_counter()

    def __call__(self, stage: str) -> None:
        now = time.perf_counter()
        self._passed.append((stage, round((now - self._since) * 1e3, 3)))
        self._since = now

    def ended(self, stage: str) -> tuple[tuple[str, float], ...]:
        """Note the last stage and return them all."""
        self(stage)
        return tuple(self._passed)


def _check_acceptable(request: ScoreRequest, accept: str) -> None:
    if accept == "npy" and request.similarity != "matrix":
        raise RequestError(
            "not_acceptable",
            f'Accept: application/x-npy goes with "similarity": "matrix", not "{request.similarity}"; '
            "ask for the matrix or accept application/json",
        )


def _facts(scores: Scores, stages: tuple[tuple[str, float], ...]) -> Facts:
    n = len(scores.embedded.tokens)
    return Facts(
        documents=n,
        pairs=n * (n - 1) // 2,
        tokens=int(np.sum(scores.embedded.tokens)),
        known=int(np.sum(scores.embedded.known)),
        stages=stages,
        clusters=tuple((summary.cluster, summary.size) for summary in scores.clusters),
    )
