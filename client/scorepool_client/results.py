"""The results of scoring, and their decoding from JSON.

Members that this version does not know are ignored, so that a newer service can add some; those that an older
service does not send are None. What is missing and cannot be done without is an InvalidAnswerError.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scorepool_client.errors import InvalidAnswerError, Problem

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Model:
    """The model that scored; the digest changes with it."""

    name: str
    digest: str
    dimensions: int | None = None
    clusters: int | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A similar document of the same request; similarity: the cosine of both vectors."""

    id: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Duplicates:
    """A group of near-duplicates in a job.

    group: its number, the position of its representative, whose id is `representative`. size: of how many documents.
    weakest_link: the least cosine on the way from the document to the representative.
    """

    group: int
    representative: str
    size: int
    weakest_link: float | None


@dataclass(frozen=True, slots=True)
class DocumentScore:
    """The scores of one document. Without a vector, `cluster` to `outlier` are None; without words `known`, too.

    distance: Euclidean, to the centroid of `cluster`. margin: the runner-up's distance minus it.
    outlier: the share, 0 to 1, of training documents that lie nearer or have a smaller share of unknown words.
    tokens: words. known: the share, 0 to 1, of them in the vocabulary.
    neighbours: most similar first, None where they were not asked for. vector: likewise.
    duplicates: in a job, the group of near-duplicates; None without one. new: whether it is like no document of the job
    that it was compared with; None where that is not known.
    """

    id: str
    cluster: int | None
    distance: float | None
    margin: float | None
    outlier: float | None
    tokens: int | None
    known: float | None
    neighbours: tuple[Neighbour, ...] | None = None
    vector: tuple[float, ...] | None = None
    duplicates: Duplicates | None = None
    new: bool | None = None


@dataclass(frozen=True, slots=True)
class ClusterScore:
    """A cluster with documents of the request.

    cohesion: the mean cosine of its documents to their mean direction. terms: words that describe it.
    """

    id: int
    size: int | None
    cohesion: float | None
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two documents, `a` before `b` in the request, at least as similar as the threshold."""

    a: str
    b: str
    similarity: float


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """The result of one request.

    documents: in the order of the request. pairs, truncated (there are more pairs than are listed), matrix: None
    where they were not asked for.
    attempts: how many requests were sent for it. raw: the decoded answer, with members unknown to this version.
    """

    model: Model
    documents: tuple[DocumentScore, ...]
    clusters: tuple[ClusterScore, ...]
    request_id: str
    attempts: int
    pairs: tuple[Pair, ...] | None = None
    truncated: bool | None = None
    matrix: tuple[tuple[float, ...], ...] | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one request, from `/info`. The defaults are those of a service that does not say."""

    max_documents: int = 1_000
    max_body_bytes: int = 8 * 1024 * 1024
    max_document_bytes: int = 256 * 1024
    request_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Info:
    """What a service says of itself; raw: the decoded answer.

    pooling, tokenizer: how the model turns words into vectors and texts into words; None where the service does not
    say.
    """

    version: str
    model: Model
    limits: Limits
    pooling: str | None = None
    tokenizer: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


def read_result(body: bytes, request_id: str, attempts: int) -> ScoreResult:
    """Decode an answer of `/score`. Raises: InvalidAnswerError."""
    raw = _decode(body, request_id, attempts)
    try:
        return ScoreResult(
            model=_model(raw["model"]),
            documents=tuple(map(_document, raw["documents"])),
            clusters=tuple(map(_cluster, raw.get("clusters") or ())),
            request_id=request_id,
            attempts=attempts,
            pairs=_optional(raw.get("pairs"), _pair),
            truncated=raw.get("truncated"),
            matrix=_optional(raw.get("matrix"), tuple),
            raw=raw,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise invalid_answer(f"not an answer of /score: {error!r}", request_id, attempts) from error


def read_info(body: bytes, request_id: str, attempts: int) -> Info:
    """Decode an answer of `/info`. Raises: InvalidAnswerError."""
    raw = _decode(body, request_id, attempts)
    try:
        given: Mapping[str, Any] = raw.get("limits") or {}
        known = {name: given[name] for name in Limits.__dataclass_fields__ if given.get(name)}
        model = raw["model"]
        return Info(
            version=str(raw.get("version", "")),
            model=_model(model),
            limits=Limits(**known),
            pooling=model.get("pooling"),
            tokenizer=model.get("tokenizer"),
            raw=raw,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise invalid_answer(f"not an answer of /info: {error!r}", request_id, attempts) from error


def read_matrix(body: bytes, request_id: str, attempts: int) -> "NDArray[numpy.float32]":
    """Decode an `.npy` file. Raises: InvalidAnswerError, and ImportError where NumPy is missing."""
    import numpy  # noqa: PLC0415  # an extra

    try:
        matrix: NDArray[numpy.float32] = numpy.load(io.BytesIO(body), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise invalid_answer(f"not an .npy file: {error}", request_id, attempts) from error
    return matrix


def _decode(body: bytes, request_id: str, attempts: int) -> dict[str, Any]:
    try:
        raw = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid_answer(f"not JSON: {error}", request_id, attempts) from error
    if not isinstance(raw, dict):
        raise invalid_answer("not a JSON object", request_id, attempts)
    return raw


def read_line(line: bytes, part: str) -> "DocumentScore | Pair":
    """Decode a line of a job's result: a document, or a pair. Raises: InvalidAnswerError."""
    try:
        raw = json.loads(line)
        return _pair(raw) if part == "pairs" else _document(raw)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise invalid_answer(f"not a line of a result: {error!r}") from error


def invalid_answer(detail: str, request_id: str = "", attempts: int = 0) -> InvalidAnswerError:
    """Return the error of an answer that is none of this service's."""
    problem = Problem("invalid_answer", "The answer is none of this service's", detail, 200)
    return InvalidAnswerError(problem, request_id, attempts)


def _model(raw: Mapping[str, Any]) -> Model:
    return Model(raw["name"], raw["digest"], raw.get("dimensions"), raw.get("clusters"))


def _document(raw: Mapping[str, Any]) -> DocumentScore:
    get = raw.get
    vector, neighbours = get("vector"), get("neighbours")
    if neighbours is not None:
        # A loop without calls: most of the objects of an answer are neighbours.
        neighbours = tuple([Neighbour(near["id"], near["similarity"]) for near in neighbours])
    return DocumentScore(
        raw["id"],
        get("cluster"),
        get("distance"),
        get("margin"),
        get("outlier"),
        get("tokens"),
        get("known"),
        neighbours,
        None if vector is None else tuple(vector),
        _duplicates(get("duplicates")),
        get("new"),
    )


def _duplicates(raw: Mapping[str, Any] | None) -> Duplicates | None:
    if raw is None:
        return None
    return Duplicates(raw["group"], raw["representative"], raw["size"], raw.get("weakest_link"))


def _cluster(raw: Mapping[str, Any]) -> ClusterScore:
    return ClusterScore(raw["id"], raw.get("size"), raw.get("cohesion"), tuple(raw.get("terms") or ()))


def _pair(raw: Mapping[str, Any]) -> Pair:
    return Pair(raw["a"], raw["b"], raw["similarity"])


def _optional(items: Sequence[Any] | None, read: Any) -> tuple[Any, ...] | None:
    return None if items is None else tuple(map(read, items))
