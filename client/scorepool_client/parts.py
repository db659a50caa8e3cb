"""A large set in parts: how it is split, what comes back of each part, and the whole.

What compares documents with each other (neighbours, pairs, the matrix, the clusters' sizes and cohesion) would miss
everything between two parts, so parts have per-document results only.
"""

import logging
from collections.abc import Callable, Iterator, Sized
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import NamedTuple

from scorepool_client.errors import AuthenticationError, Problem, ScorepoolError
from scorepool_client.exchange import Exchange, Steps
from scorepool_client.request import (
    AnyDocument,
    Document,
    Options,
    encode_document,
    join_request,
    refuse_text,
)
from scorepool_client.results import DocumentScore, Limits, ScoreResult, read_result

LOG = logging.getLogger("scorepool_client")

# Documents in a part: enough that a request's own cost does not matter, and few enough that a part takes some tens of
# milliseconds, that a failure costs little, and that other callers have their turn in between.
PART_DOCUMENTS = 250


class Progress(NamedTuple):
    """How far a large set is. total: None where the documents come from an iterator, which does not say."""

    scored: int
    failed: int
    total: int | None


OnProgress = Callable[[Progress], object]


@dataclass(frozen=True, slots=True)
class FailedDocument:
    """A document that was not scored, because the request that it was in failed with `error`."""

    id: str
    error: ScorepoolError


@dataclass(frozen=True, slots=True)
class Part:
    """What became of the documents from position `start` on, which were sent in one request.

    result, error: one of them is None. ids: of the documents, in order.
    """

    start: int
    ids: tuple[str, ...] = field(repr=False)
    result: ScoreResult | None = field(default=None, repr=False)
    error: ScorepoolError | None = None

    def __iter__(self) -> Iterator[DocumentScore | FailedDocument]:
        """Yield what became of each document."""
        if self.result is not None:
            return iter(self.result.documents)
        assert self.error is not None
        return iter([FailedDocument(name, self.error) for name in self.ids])


@dataclass(frozen=True, slots=True)
class ManyScores:
    """What became of a large set; parts: in order. `raise_for_failures` turns a failed part into an exception."""

    parts: tuple[Part, ...]

    def __repr__(self) -> str:
        """Return the counts."""
        return f"<ManyScores {self.total - self.failed} documents scored, {self.failed} failed>"

    @property
    def total(self) -> int:
        """Return the number of documents."""
        return sum(len(part.ids) for part in self.parts)

    @property
    def failed(self) -> int:
        """Return the number of documents that were not scored."""
        return sum(len(part.ids) for part in self.failures)

    @property
    def documents(self) -> tuple[DocumentScore | FailedDocument, ...]:
        """Return the score of each document, in order; a `FailedDocument` for one without."""
        return tuple(chain.from_iterable(self.parts))

    @property
    def failures(self) -> tuple[Part, ...]:
        """Return the parts that failed."""
        return tuple(part for part in self.parts if part.error is not None)

    def raise_for_failures(self) -> "ManyScores":
        """Return itself where everything was scored. Raises: PartialFailureError, with what was."""
        if self.failures:
            raise PartialFailureError(self)
        return self


class PartialFailureError(ScorepoolError):
    """Some parts of a large set failed; `scores` has what was scored, and the cause is the first failure."""

    def __init__(self, scores: ManyScores) -> None:
        first = scores.failures[0].error
        detail = f"{scores.failed} of {scores.total} documents were not scored; first: {first}"
        super().__init__(Problem("partial_failure", "A part of the documents was not scored", detail))
        self.args = (scores,)
        self.scores = scores
        self.__cause__ = first


@dataclass(frozen=True, slots=True)
class PartRequest:
    """A part before it is sent."""

    start: int
    ids: tuple[str, ...]
    body: bytes = field(repr=False)

    def outcome_of(self, exchange: Exchange) -> Steps[Part]:
        """Do the exchange; return the part with its result or its error."""
        part = Part(self.start, self.ids)
        try:
            reply = yield from exchange.steps()
            result = read_result(reply.body, exchange.request_id, exchange.attempts)
        except ScorepoolError as error:
            return replace(part, error=error)
        return replace(part, result=result)


class Splitter:
    """Gathers documents into parts that the service's limits allow.

    A document that is too large by itself is sent alone, so that no other is refused with it.
    """

    def __init__(self, limits: Limits, *, vectors: bool) -> None:
        self._limits = limits
        self._options = Options("none", vectors=vectors)
        self._count = min(PART_DOCUMENTS, limits.max_documents)
        self._start = 0
        self._ids: list[str] = []
        self._encoded: list[bytes] = []
        self._frame = self._size = len(join_request([], self._options))

    def add(self, document: AnyDocument) -> list[PartRequest]:
        """Take one document; return the parts that are complete."""
        name = document.id if isinstance(document, Document) else None
        text = document.text if isinstance(document, Document) else document
        name = str(self._start + len(self._ids)) if name is None else name
        encoded = encode_document(Document(text, name))
        alone = self._is_too_large(text, encoded)
        full = len(self._ids) >= self._count or self._size + len(encoded) + 1 > self._limits.max_body_bytes
        parts = self.finish() if alone or full else []
        self._ids.append(name)
        self._encoded.append(encoded)
        self._size += len(encoded) + 1
        return parts + self.finish() if alone else parts

    def finish(self) -> list[PartRequest]:
        """Return the part with the documents that are left, if there are any."""
        if not self._ids:
            return []
        part = PartRequest(self._start, tuple(self._ids), join_request(self._encoded, self._options))
        self._start += len(self._ids)
        self._ids, self._encoded, self._size = [], [], self._frame
        return [part]

    def _is_too_large(self, text: str, encoded: bytes) -> bool:
        if self._frame + len(encoded) > self._limits.max_body_bytes:
            return True
        limit = self._limits.max_document_bytes
        return len(encoded) > limit and len(text.encode("utf-8", "surrogatepass")) > limit


class Tally:
    """Counts parts as they end, reports the progress, and says when to send no more.

    After a token was refused, every further part would be, too.

    Raises: TypeError for one text in place of several.
    """

    def __init__(self, documents: object, on_progress: OnProgress | None) -> None:
        refuse_text(documents)
        self._progress = Progress(0, 0, len(documents) if isinstance(documents, Sized) else None)
        self._on_progress = on_progress
        self._refusal: AuthenticationError | None = None

    def refused(self, request: PartRequest) -> Part | None:
        """Return the part as failed where a token was refused, so that it is not sent."""
        return Part(request.start, request.ids, error=self._refusal) if self._refusal else None

    def finish(self) -> None:
        """Log how many documents were not scored, where some were not."""
        scored, failed, _ = self._progress
        if failed:
            LOG.error("%d of %d documents were not scored", failed, scored + failed)

    def note(self, part: Part) -> Part:
        """Count one part, in order; return it."""
        scored, failed, total = self._progress
        if part.error is None:
            self._progress = Progress(scored + len(part.ids), failed, total)
        else:
            self._progress = Progress(scored, failed + len(part.ids), total)
            LOG.warning("documents %d to %d: %s", part.start, part.start + len(part.ids) - 1, part.error)
            if isinstance(part.error, AuthenticationError):
                self._refusal = part.error
        if self._on_progress is not None:
            self._on_progress(self._progress)
        return part
