"""What a worker does for one request: bytes in, bytes out. It knows nothing of processes, queues or HTTP.

score    body ── decode ──→ ScoreRequest ── embed, cluster, similarity ──→ Scores ── encode ──→ Outcome.body
explain  body ── decode ──→ ExplainRequest ── similarity ──→ Explanation ── encode ──→ Outcome.body
"""

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from scoring.bundle.bundle import Bundle
from scoring.explanation import Explanation, explain
from scoring.pipeline import Scorer, Scores, ScoringOptions
from service.api.outcome import Facts, Outcome
from service.api.problems import partial
from service.api.request import Buffer, Operation, RequestError, ScoreRequest, decode, decode_explain
from service.limits import RequestLimits
from service.worker.encoder import encode_explanation, encode_json, encode_npy


class ScoringHandler:
    """Answers requests with one bundle, in one thread."""

    def __init__(self, bundle: Bundle, limits: RequestLimits) -> None:
        self._bundle = bundle
        self._scorer = Scorer(bundle)
        self._limits = limits
        self.digest = bundle.digest

    def __call__(self, body: Buffer, operation: Operation) -> Outcome:
        """Answer one request; what is wrong with it is an `Outcome` too, never an exception."""
        (answer,) = self.answer_all([body], [operation])
        return answer

    def answer_all(self, bodies: Sequence[Buffer], operations: Sequence[Operation]) -> list[Outcome]:
        """Answer several requests, as one by one, but with all their documents scored together.

        That is where small requests spend their time, most of it in calls that cost the same for one document
        and for a hundred. Each outcome reports its share of that time, by its documents.
        """
        reads = [
            self._explain(body) if operation == "explain" else self._read(body, operation)
            for body, operation in zip(bodies, operations, strict=True)
        ]
        scored = iter(self._score([read for read in reads if isinstance(read, _Read)]))
        return [read if isinstance(read, Outcome) else self._encode(read, next(scored)) for read in reads]

    def _read(self, body: Buffer, operation: Operation) -> "_Read | Outcome":
        stages = _Stages()
        try:
            request = decode(body, self._limits)
            _check_acceptable(request, operation)
        except RequestError as error:
            return _refused(error, stages)
        stages("decode")
        return _Read(request, operation, stages)

    def _explain(self, body: Buffer) -> Outcome:
        stages = _Stages()
        try:
            request = decode_explain(body, self._limits)
        except RequestError as error:
            return _refused(error, stages)
        stages("decode")
        explanation = explain(self._bundle, *request.texts)
        stages("similarity")
        encoded = encode_explanation(request.ids, explanation, self._bundle, top=request.top)
        return Outcome("ok", encoded, _facts_of_two(explanation, stages.ended("encode")))

    def _score(self, reads: Sequence["_Read"]) -> list[Scores]:
        if not reads:
            return []
        sizes = [len(read.request.texts) for read in reads]
        clock = _Stages()
        embedded = self._scorer.embed([text for read in reads for text in read.request.texts])
        clock("embed")
        clustered = self._scorer.cluster(embedded)
        clock("cluster")
        scores = self._scorer.compare_all(clustered, sizes, [_options(read.request) for read in reads])
        together, total = clock.ended("similarity"), sum(sizes)
        for read, size in zip(reads, sizes, strict=True):
            read.stages.share(together, size / total)
        return scores

    def _encode(self, read: "_Read", scores: Scores) -> Outcome:
        request = read.request
        read.stages.begin()
        if read.operation == "score_npy" and scores.matrix is not None:
            encoded = encode_npy(scores.matrix)
        else:
            encoded = encode_json(request.ids, scores, self._bundle, vectors=request.vectors)
        return Outcome("ok", encoded, _facts(scores, read.stages.ended("encode")))


class _Stages:
    """Notes how long each stage took; called at the moment that one ends."""

    def __init__(self) -> None:
        self._passed: list[tuple[str, float]] = []
        self._since = time.perf_counter()

    def __call__(self, stage: str) -> None:
        now = time.perf_counter()
        self._passed.append((stage, round((now - self._since) * 1e3, 3)))
        self._since = now

    def share(self, stages: Iterable[tuple[str, float]], part: float) -> None:
        """Note a part of stages that were gone through together with others."""
        self._passed += [(stage, round(spent * part, 3)) for stage, spent in stages]

    def begin(self) -> None:
        """Begin the next stage now, after time that was not this request's."""
        self._since = time.perf_counter()

    def ended(self, stage: str) -> tuple[tuple[str, float], ...]:
        """Note the last stage and return them all."""
        self(stage)
        return tuple(self._passed)


class _Read(NamedTuple):
    """A request that can be scored, and the time that it has taken so far."""

    request: ScoreRequest
    operation: Operation
    stages: _Stages


def _refused(error: RequestError, stages: _Stages) -> Outcome:
    return Outcome(error.code, partial(error.detail, error.errors), Facts(stages=stages.ended("decode")))


def _check_acceptable(request: ScoreRequest, operation: Operation) -> None:
    if operation == "score_npy" and request.similarity != "matrix":
        raise RequestError(
            "not_acceptable",
            f'Accept: application/x-npy goes with "similarity": "matrix", not "{request.similarity}"; '
            "ask for the matrix or accept application/json",
        )


def _options(request: ScoreRequest) -> ScoringOptions:
    return ScoringOptions(request.similarity, request.neighbours, request.threshold)


def _facts(scores: Scores, stages: tuple[tuple[str, float], ...]) -> Facts:
    n = len(scores.embedded.tokens)
    return Facts(
        documents=n,
        pairs=n * (n - 1) // 2,
        tokens=sum(scores.embedded.tokens.tolist()),
        known=sum(scores.embedded.known.tolist()),
        stages=stages,
        clusters=tuple([(summary.cluster, summary.size) for summary in scores.clusters]),
    )


def _facts_of_two(explanation: Explanation, stages: tuple[tuple[str, float], ...]) -> Facts:
    counts = [(document.counts, document.known) for document in explanation.documents]
    return Facts(
        documents=len(counts),
        pairs=1,
        tokens=sum(int(count.sum()) for count, _ in counts),
        known=sum(int(count[known].sum()) for count, known in counts),
        stages=stages,
    )
