"""What a worker does for the requests of `/score` and `/explain`; it knows nothing of processes, queues or HTTP.

score    body ── decode ──→ ScoreRequest ── embed, cluster, similarity ──→ Scores ── encode ──→ answer
explain  body ── decode ──→ ExplainRequest ── similarity ──→ Explanation ── encode ──→ answer
step     body ── decode ──→ StepRequest ── one step of a durable job ──→ StepReply ── encode ──→ answer
"""

import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec

from scoring.bundle.bundle import load_bundle
from scoring.bundle.files import BundleFiles
from scoring.explanation import Explanation, explain
from scoring.pipeline import Scorer, Scores, ScoringOptions
from service.api.outcome import Facts
from service.api.request import (
    Buffer,
    ExplainRequest,
    Operation,
    RequestError,
    ScoreRequest,
    decode,
    decode_explain,
)
from service.api.step import StepDone, StepRefused, StepReply, StepRequest
from service.limits import RequestLimits
from service.scorers.codec import Encoded
from service.scorers.documents.corpus_step import run_corpus_step
from service.scorers.documents.encoder import encode_explanation, encode_json, encode_npy

Request = ScoreRequest | ExplainRequest | StepRequest

# Names and milliseconds.
Spent = tuple[tuple[str, float], ...]

_STAGES = ("embed", "cluster", "similarity")


class Result(NamedTuple):
    """What was found for one request, and its share of the time that each stage took for all of a call."""

    found: Scores | Explanation | StepReply
    spent: Spent


class DocumentStages:
    """The stages of one bundle, for one thread; the codec of the built-in scorer, too."""

    def __init__(self, files: BundleFiles, limits: RequestLimits) -> None:
        """Map the bundle. Raises: BundleError when it cannot be used."""
        self._bundle = load_bundle(files)
        self._scorer = Scorer(self._bundle)
        self._limits = limits
        self.digest = self._bundle.digest

    def decode(self, body: Buffer, operation: Operation) -> Request:
        """Decode and check a body, in the order of the contract. Raises: RequestError."""
        if operation == "explain":
            return decode_explain(body, self._limits)
        if operation == "corpus_step":
            return msgspec.json.decode(body, type=StepRequest)
        request = decode(body, self._limits)
        _check_acceptable(request, operation)
        return request

    def score(self, requests: Sequence[Request]) -> list[Result]:
        """Score several requests, as one by one, but with all their documents together.

        That is where small requests spend their time, most of it in calls that cost the same for one document
        and for a hundred. Each result has its share of that time, by its documents.
        """
        scored = iter(self._score([request for request in requests if isinstance(request, ScoreRequest)]))
        return [
            next(scored) if isinstance(request, ScoreRequest) else self._score_apart(request)
            for request in requests
        ]

    def encode(self, request: Request, result: Result, operation: Operation) -> Encoded:
        """Return the answer as JSON, or the matrix alone as an `.npy` file."""
        found = result.found
        if isinstance(found, StepDone | StepRefused):
            return Encoded(msgspec.json.encode(found))
        if isinstance(request, ExplainRequest):
            assert isinstance(found, Explanation)
            return Encoded(encode_explanation(request.ids, found, self._bundle, top=request.top))
        assert isinstance(found, Scores)
        assert isinstance(request, ScoreRequest)
        if operation == "score_npy" and found.matrix is not None:
            return Encoded(encode_npy(found.matrix))
        return Encoded(encode_json(request.ids, found, self._bundle, vectors=request.vectors))

    def facts(self, request: Request, result: Result) -> Facts:
        """Count documents, pairs, tokens and clusters."""
        found, spent = result
        if isinstance(found, StepDone | StepRefused):
            return Facts()
        return _facts(found, spent) if isinstance(found, Scores) else _facts_of_two(found, spent)

    def _score_apart(self, request: ExplainRequest | StepRequest) -> Result:
        return self._explain(request) if isinstance(request, ExplainRequest) else self._run_step(request)

    def _run_step(self, request: StepRequest) -> Result:
        """Do a step of a job, unless that is to be done with another model."""
        if request.digest and request.digest != self.digest:
            return Result(StepRefused("model"), ())
        return Result(run_corpus_step(Path(request.folder), self._scorer, request.stage, request.step), ())

    def _explain(self, request: ExplainRequest) -> Result:
        began = time.perf_counter()
        explanation = explain(self._bundle, *request.texts)
        return Result(explanation, (("similarity", _ms(time.perf_counter() - began)),))

    def _score(self, requests: Sequence[ScoreRequest]) -> list[Result]:
        if not requests:
            return []
        sizes = [len(request.texts) for request in requests]
        times = [time.perf_counter()]
        embedded = self._scorer.embed([text for request in requests for text in request.texts])
        times.append(time.perf_counter())
        clustered = self._scorer.cluster(embedded)
        times.append(time.perf_counter())
        scores = self._scorer.compare_all(clustered, sizes, [_options(request) for request in requests])
        times.append(time.perf_counter())
        seconds = [after - before for before, after in pairwise(times)]
        total = sum(sizes)
        spent = {size: _shares(seconds, size / total) for size in set(sizes)}
        return [Result(found, spent[size]) for found, size in zip(scores, sizes, strict=True)]


def _shares(seconds: Sequence[float], share: float) -> Spent:
    """Return a request's share of the time of each stage."""
    return tuple([(name, _ms(share * spent)) for name, spent in zip(_STAGES, seconds, strict=True)])


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)


def _check_acceptable(request: ScoreRequest, operation: Operation) -> None:
    if operation == "score_npy" and request.similarity != "matrix":
        raise RequestError(
            "not_acceptable",
            f'Accept: application/x-npy goes with "similarity": "matrix", not "{request.similarity}"; '
            "ask for the matrix or accept application/json",
        )


def _options(request: ScoreRequest) -> ScoringOptions:
    return ScoringOptions(request.similarity, request.neighbours, request.threshold)


def _facts(scores: Scores, spent: Spent) -> Facts:
    n = len(scores.embedded.tokens)
    return Facts(
        documents=n,
        pairs=n * (n - 1) // 2,
        tokens=sum(scores.embedded.tokens.tolist()),
        known=sum(scores.embedded.known.tolist()),
        stages=spent,
        clusters=tuple([(summary.cluster, summary.size) for summary in scores.clusters]),
    )


def _facts_of_two(explanation: Explanation, spent: Spent) -> Facts:
    counts = [(document.counts, document.known) for document in explanation.documents]
    return Facts(
        documents=len(counts),
        pairs=1,
        tokens=sum(int(count.sum()) for count, _ in counts),
        known=sum(int(count[known].sum()) for count, known in counts),
        stages=spent,
    )
