"""A worker's handler around any scorer: bytes in, bytes out. It knows nothing of processes, queues or HTTP.

    bodies ── decode ──→ requests ── score, all in one call ──→ results ── encode ──→ outcomes

A call of several requests that raises, or returns no list of their number, is given up: the worker runs each of them
again, alone, so that one cannot spoil the others' answers.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from scoring.bundle.files import open_files
from scoring.errors import BundleError
from service.api.outcome import Facts, Outcome, ResultError
from service.api.problems import partial
from service.api.request import Buffer, Operation, RequestError
from service.limits import RequestLimits
from service.scorers.codec import Codec, TypedCodec
from service.scorers.declaration import CODEC_HOOK, Declaration, declare
from service.scorers.encoding import encode_json
from service.scorers.reference import DOCUMENTS, ScorerError, first_line, located

# What a client gets of the sentence with which a scorer rejects its request.
MAX_SENTENCE = 1_000

Score = Callable[[list[Any]], Any]


@dataclass(frozen=True, slots=True)
class ScorerSource:
    """Which scorer workers open, and what with; called in a worker, once. Picklable while a process is spawned.

    arguments: of its constructor; a `BundleHandle` among them arrives as `BundleFiles`. folder: searched for its
    module. preload: modules that the fork server imports. place: file and line, for messages.
    """

    reference: str
    arguments: tuple[Any, ...] = ()
    folder: str = ""
    preload: tuple[str, ...] = ()
    place: str = ""

    def __call__(self) -> "ScorerHandler":
        """Open it. Raises: ScorerError, with file, line and cause; BundleError."""
        return open_scorer(self.reference, *self.arguments, folder=self.folder)


def open_scorer(reference: str, *arguments: Any, folder: str = "") -> "ScorerHandler":
    """Import a scorer, construct it, and have it pass its self-test.

    Raises: ScorerError; for the built-in scorer BundleError.
    """
    declared = declare(reference, folder)
    try:
        scorer = declared.scorer if declared.plain else declared.scorer(*arguments)
    except BundleError:
        raise
    except BaseException as error:
        raise ScorerError(located(error)) from error
    handler = ScorerHandler(declared, scorer)
    handler.test()
    return handler


def open_documents(bundle: Path, limits: RequestLimits) -> "ScorerHandler":
    """Open the built-in scorer over a bundle in this process. Raises: BundleError."""
    return open_scorer(DOCUMENTS, open_files(bundle), limits)


class ScorerHandler:
    """Answers requests with one scorer, in one thread."""

    def __init__(self, declared: Declaration, scorer: Any) -> None:
        """`scorer`: what was constructed, or the function itself."""
        self._declared = declared
        self._scorer = scorer
        self._score: Score = _one_by_one(scorer) if declared.plain else scorer.score
        hook = getattr(scorer, CODEC_HOOK, None)
        # One with a codec of its own rejects requests while it decodes: a ValueError later is a fault.
        self._rejecting = hook is None
        self._codec: Codec = TypedCodec(declared) if hook is None else hook()
        if hook is not None:
            self.remedy = scorer.remedy
        self.digest = str(getattr(scorer, "digest", None) or "")

    def __call__(self, body: Buffer, operation: Operation) -> Outcome:
        """Answer one request; what is wrong with it is an `Outcome`. Raises: what the scorer raises, ResultError."""
        (answer,) = self.answer_all([body], [operation])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def answer_all(
        self, bodies: Sequence[Buffer], operations: Sequence[Operation]
    ) -> list[Outcome | Exception]:
        """Answer several requests with one call of the scorer; an exception is the end of its request alone.

        Raises: what the scorer raises, ResultError for a result that is no list of their number.
        """
        reads = [self._read(body, operation) for body, operation in zip(bodies, operations, strict=True)]
        taken = [read for read in reads if isinstance(read, _Read)]
        results = iter(self._results(taken) if taken else [])
        return [read if isinstance(read, Outcome) else self._answer(read, next(results)) for read in reads]

    def self_test_bodies(self) -> list[bytes]:
        """Return the requests of the scorer's `self_test` as a client would send them; none without one.

        Raises: ScorerError.
        """
        requests = getattr(self._scorer, "self_test", list)
        try:
            return [_as_body(request, self._declared.name) for request in requests()]
        except BaseException as error:
            raise ScorerError(f"{located(error)} (in self_test)") from error

    def test(self) -> None:
        """Have the scorer answer the requests of its own `self_test`, one by one. Raises: ScorerError."""
        place = self._declared.place
        for number, body in enumerate(self.self_test_bodies()):
            try:
                outcome = self(body, "score")
            except ResultError as error:
                raise ScorerError(f"{place}: self_test: request {number}: {error}") from error
            except BaseException as error:
                raise ScorerError(f"{located(error)} (in self_test, request {number})") from error
            if outcome.code != "ok":
                said = orjson.loads(outcome.body)["detail"]
                raise ScorerError(f"{place}: self_test: request {number}: {outcome.code}: {said}")

    def _read(self, body: Buffer, operation: Operation) -> "_Read | Outcome":
        began = time.perf_counter()
        try:
            request = self._codec.decode(body, operation)
        except RequestError as error:
            stages = (("decode", _ms_since(began)),)
            return Outcome(error.code, partial(error.detail, error.errors), Facts(stages=stages))
        return _Read(request, operation, _ms_since(began))

    def _results(self, taken: Sequence["_Read"]) -> list["_Result"]:
        """Score, and return each result with its share of the time in milliseconds."""
        began = time.perf_counter()
        try:
            results = self._score([read.request for read in taken])
        except ValueError as error:
            if len(taken) > 1 or not self._rejecting:
                raise
            results = [error]
        spent = _ms_since(began) / len(taken)
        name = self._declared.name
        if not isinstance(results, list):
            raise ResultError(f"the scorer {name} returned {type(results).__name__} instead of a list")
        if len(results) != len(taken):
            raise ResultError(f"the scorer {name} returned {len(results)} results for {len(taken)} requests")
        return [_Result(result, spent) for result in results]

    def _answer(self, read: "_Read", result: "_Result") -> Outcome | Exception:
        value, spent = result.value, result.score_ms
        decoded = ("decode", read.decode_ms)
        if isinstance(value, ValueError):
            stages = (decoded, ("score", spent))
            return Outcome("invalid_document", partial(_sentence(value)), Facts(stages=stages))
        if isinstance(value, Exception):
            return value
        began = time.perf_counter()
        try:
            encoded = self._codec.encode(read.request, value, read.operation)
            facts = self._codec.facts(read.request, value)
        except MemoryError:
            raise
        except Exception as error:
            return error
        scored = facts.stages or (("score", spent),)
        # `_replace` takes three times as long, which is a hundredth of a small request.
        facts = Facts(
            facts.documents,
            facts.pairs,
            facts.tokens,
            facts.known,
            stages=(decoded, *scored, ("encode", _ms_since(began))),
            clusters=facts.clusters,
        )
        return Outcome("ok", encoded.body, facts, raw=encoded.raw)


class _Read(NamedTuple):
    """A request that can be scored, and the milliseconds that reading it took."""

    request: Any
    operation: Operation
    decode_ms: float


class _Result(NamedTuple):
    value: Any
    score_ms: float


def _one_by_one(score: Callable[[Any], Any]) -> Score:
    """Return what scores a list with a function for one request: each fails alone."""

    def score_all(requests: list[Any]) -> list[Any]:
        return [_tried(score, request) for request in requests]

    return score_all


def _tried(score: Callable[[Any], Any], request: Any) -> Any:
    try:
        return score(request)
    except MemoryError:
        raise
    except Exception as error:
        return error


def _as_body(request: Any, name: str) -> bytes:
    """Return a request, as decoded or as a JSON value, as a client would send it."""
    return request if isinstance(request, bytes) else encode_json(request, name)


def _sentence(error: ValueError) -> str:
    """Return the sentence with which a scorer rejects a request, in characters that UTF-8 has."""
    text = first_line(error, MAX_SENTENCE).encode("utf-8", "replace").decode()
    return text or "the scorer rejected this request"


def _ms_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1e3, 3)
