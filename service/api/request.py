"""The requests of `/score` and `/explain`: their types, their limits and their decoding.

OpenAPI and the documentation are made from the types here. There are two decoders, which agree on every body
that both accept:

    body ── msgspec, typed, one pass ─────────────────────────→ a request   every ordinary one
       └──(refused)── orjson, untyped, then checks in Python ──→ RequestError with JSON pointers, or a request

The second one runs only when the first refused. It finds the fault in the order of the contract: JSON, then
sizes, then shapes. It also accepts two things that msgspec refuses: `5.0` for a whole number, as JSON Schema
does, and a duplicate member whose first value has the wrong type (the last one wins).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

import msgspec
import orjson
from msgspec import UNSET, Meta, Struct, UnsetType

from service.api.problems import FieldError
from service.limits import RequestLimits

SCORE_ROUTE = "/score"
EXPLAIN_ROUTE = "/explain"

# The routes whose requests are worked on by the workers.
WORK_ROUTES = (SCORE_ROUTE, EXPLAIN_ROUTE)

# What a worker is to do with a body, from the path and the Accept header. `score_npy` answers with the matrix alone;
# `corpus_step` is no request's, but a durable job's: see `service.api.step`.
Operation = Literal["score", "score_npy", "explain", "corpus_step"]

# The id that a client may choose for its request: safe in a header, a log line and JSON without escaping.
REQUEST_ID_PATTERN = "[A-Za-z0-9._-]{1,128}"

Similarity = Literal["neighbours", "pairs", "matrix", "none"]

MAX_ID_LENGTH = 256

MAX_NEIGHBOURS = 100

# Contributions of words that are listed for each document; the others are summed.
MAX_TOP = 1_000

# Field errors in one answer: enough to correct a client, and the answer to a faulty request stays small.
MAX_ERRORS = 16

# Characters of an unknown member's name that are sent back. The name is the client's text: this is enough to
# find a typing error in it.
MAX_NAME_LENGTH = 40

Buffer = bytes | bytearray | memoryview


class RequestError(Exception):
    """The body cannot be scored: the code of the problem, one sentence for the client, and the field errors."""

    def __init__(self, code: str, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)


class Document(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A text, and its id in the answer. A missing id is the document's position."""

    text: str
    id: Annotated[str, Meta(min_length=1, max_length=MAX_ID_LENGTH)] | UnsetType = UNSET


class ScoreBody(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The body of a request as the client sends it."""

    documents: Annotated[
        list[Document | str], Meta(min_length=1, description="Objects with a text, or plain texts.")
    ]
    similarity: Annotated[Similarity, Meta(description="Which comparison of the documents to return.")] = (
        "neighbours"
    )
    neighbours: Annotated[
        int,
        Meta(ge=1, le=MAX_NEIGHBOURS, description="With `neighbours`: how many each document gets at most."),
    ] = 5
    threshold: Annotated[
        float, Meta(ge=-1, le=1, description="With `pairs`: the least cosine similarity.")
    ] = 0.8
    vectors: Annotated[bool, Meta(description="Also return the document vectors.")] = False


class ExplainBody(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The body of a request to explain a similarity, as the client sends it."""

    documents: Annotated[
        list[Document | str],
        Meta(min_length=2, max_length=2, description="Two of them: objects with a text, or plain texts."),
    ]
    top: Annotated[
        int, Meta(ge=1, le=MAX_TOP, description="How many words of each document are listed at most.")
    ] = 20


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """A request that has passed every check. `texts` and `ids` are in the request's order; ids are distinct."""

    texts: list[str]
    ids: list[str]
    similarity: Similarity
    neighbours: int
    threshold: float
    vectors: bool


@dataclass(frozen=True, slots=True)
class ExplainRequest:
    """A request for an explanation that has passed every check; `texts` and `ids` have two entries."""

    texts: list[str]
    ids: list[str]
    top: int


def decode(body: Buffer, limits: RequestLimits) -> ScoreRequest:
    """Decode and check the body of a request to score. Called in the worker.

    Raises: RequestError with the first code of the contract that applies.
    """
    decoded = _decode(body, limits, _SCORE)
    texts, ids = _checked_documents(decoded.documents, len(body), limits)
    return ScoreRequest(
        texts, ids, decoded.similarity, decoded.neighbours, decoded.threshold, decoded.vectors
    )


def decode_explain(body: Buffer, limits: RequestLimits) -> ExplainRequest:
    """Decode and check the body of a request to explain, as `decode` does. Raises: RequestError."""
    decoded = _decode(body, limits, _EXPLAIN)
    texts, ids = _checked_documents(decoded.documents, len(body), limits)
    return ExplainRequest(texts, ids, decoded.top)


Body = TypeVar("Body", ScoreBody, ExplainBody)


@dataclass(frozen=True, slots=True)
class _Shape(Generic[Body]):
    """One type of body: its decoder, the documents it takes, its whole number, and the errors of its options."""

    decoder: "msgspec.json.Decoder[Body]"
    exactly: int | None
    whole: str
    option_errors: Callable[[dict[str, Any]], Iterator[FieldError]]


def _decode(body: Buffer, limits: RequestLimits, shape: _Shape[Body]) -> Body:
    try:
        return shape.decoder.decode(body)
    except (ValueError, RecursionError):
        return _decode_untyped(body, limits, shape)


def _checked_documents(
    documents: Sequence[Document | str], size: int, limits: RequestLimits
) -> tuple[list[str], list[str]]:
    """Return the texts and ids of documents from a body of `size` bytes. Raises: RequestError."""
    _check_count(len(documents), limits)
    texts = [document if isinstance(document, str) else document.text for document in documents]
    # No text has more bytes than the body, since a JSON escape is never shorter than the UTF-8 of its character.
    if size > limits.max_document_bytes:
        _check_sizes(texts, limits)
    ids = [
        str(position) if isinstance(document, str) or document.id is UNSET else document.id
        for position, document in enumerate(documents)
    ]
    _check_distinct(ids)
    return texts, ids


def _check_count(count: int, limits: RequestLimits) -> None:
    if count > limits.max_documents:
        detail = f"{count} given, at most {limits.max_documents} per request; split the request"
        raise RequestError("too_many_documents", f"documents: {detail}", [("/documents", detail)])


def _check_sizes(texts: Sequence[object], limits: RequestLimits) -> None:
    """Refuse the first text over the limit. Entries that are not texts are refused later, by their shape."""
    limit = limits.max_document_bytes
    for position, text in enumerate(texts):
        # A character has at most 4 bytes in UTF-8, so a short text need not be encoded to be measured.
        if isinstance(text, str) and len(text) * 4 > limit and (size := _utf8_size(text)) > limit:
            detail = f"{size} bytes of UTF-8, at most {limit} per text; shorten or split it"
            raise RequestError(
                "document_too_large", f"documents: {detail}", [(f"/documents/{position}", detail)]
            )


def _utf8_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _check_distinct(ids: Sequence[str]) -> None:
    if len(set(ids)) == len(ids):
        return
    first: dict[str, int] = {}
    errors = [
        (f"/documents/{position}", f"the id of /documents/{first[name]}")
        for position, name in enumerate(ids)
        if first.setdefault(name, position) != position
    ]
    detail = (
        f"documents: {len(errors)} have the id of another; ids must be distinct, a missing id is the position"
    )
    raise RequestError("duplicate_id", detail, errors[:MAX_ERRORS])


def _decode_untyped(body: Buffer, limits: RequestLimits, shape: _Shape[Body]) -> Body:
    """Decode a body that the typed decoder refused, or raise RequestError with the reason."""
    value = parse_json(body)
    if not isinstance(value, dict):
        detail = "expected an object with the member documents"
        raise RequestError("invalid_document", f"the body: {detail}", [("", detail)])
    documents = value.get("documents")
    if isinstance(documents, list):
        _check_count(len(documents), limits)
        _check_sizes([entry.get("text") if isinstance(entry, dict) else entry for entry in documents], limits)
    _check_shapes("invalid_document", _document_errors(value, shape.exactly))
    _check_shapes("invalid_option", shape.option_errors(value))
    if shape.whole in value:
        value[shape.whole] = int(value[shape.whole])
    return msgspec.convert(value, shape.decoder.type)


def parse_json(body: Buffer) -> Any:
    """Parse JSON; numbers that no double holds, lone surrogates and over 1,024 levels are refused.

    Raises: RequestError (`invalid_json`).
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        detail = f"not JSON in UTF-8: {error.msg} at character {error.pos} of the body"
    # Not raised inside the except block: its context would be orjson's error, which holds the whole body.
    raise RequestError("invalid_json", detail)


def _check_shapes(code: str, errors: Iterator[FieldError]) -> None:
    found = list(islice(errors, MAX_ERRORS))
    if found:
        pointer, detail = found[0]
        raise RequestError(code, f"{pointer}: {detail}", found)


def _document_errors(value: dict[str, Any], exactly: int | None) -> Iterator[FieldError]:
    documents = value.get("documents")
    if "documents" not in value:
        yield "/documents", "missing; give a list of texts, or of objects with a text"
    elif not isinstance(documents, list):
        yield "/documents", f"expected a list, got {_json_type(documents)}"
    elif exactly is not None and len(documents) != exactly:
        yield "/documents", f"{len(documents)} given, expected exactly {exactly}"
    elif not documents:
        yield "/documents", "expected at least 1 document"
    else:
        for position, document in enumerate(documents):
            if isinstance(document, dict):
                yield from _member_errors(f"/documents/{position}", document)
            elif not isinstance(document, str):
                yield (
                    f"/documents/{position}",
                    f"expected a text or an object with a text, got {_json_type(document)}",
                )


def _member_errors(pointer: str, document: dict[str, Any]) -> Iterator[FieldError]:
    if "text" not in document:
        yield f"{pointer}/text", "missing"
    elif not isinstance(document["text"], str):
        yield f"{pointer}/text", f"expected a text, got {_json_type(document['text'])}"
    if "id" in document:
        name = document["id"]
        if not isinstance(name, str):
            yield f"{pointer}/id", f"expected a text, got {_json_type(name)}"
        elif not 1 <= len(name) <= MAX_ID_LENGTH:
            yield f"{pointer}/id", f"{len(name)} characters, expected 1 to {MAX_ID_LENGTH}"
    yield from _unknown_members(pointer, document, Document)


def _score_option_errors(value: dict[str, Any]) -> Iterator[FieldError]:
    known: tuple[str, ...] = get_args(Similarity)
    if "similarity" in value and value["similarity"] not in known:
        yield "/similarity", f"expected one of {', '.join(known)}"
    if "neighbours" in value and not _is_number(value["neighbours"], 1, MAX_NEIGHBOURS, whole=True):
        yield "/neighbours", f"expected a whole number from 1 to {MAX_NEIGHBOURS}"
    if "threshold" in value and not _is_number(value["threshold"], -1, 1):
        yield "/threshold", "expected a number from -1 to 1"
    if "vectors" in value and not isinstance(value["vectors"], bool):
        yield "/vectors", f"expected true or false, got {_json_type(value['vectors'])}"
    yield from _unknown_members("", value, ScoreBody)


def _explain_option_errors(value: dict[str, Any]) -> Iterator[FieldError]:
    if "top" in value and not _is_number(value["top"], 1, MAX_TOP, whole=True):
        yield "/top", f"expected a whole number from 1 to {MAX_TOP}"
    yield from _unknown_members("", value, ExplainBody)


def _unknown_members(pointer: str, members: dict[str, Any], known: type[Struct]) -> Iterator[FieldError]:
    for name in members:
        if name not in known.__struct_fields__:
            escaped = name[:MAX_NAME_LENGTH].replace("~", "~0").replace("/", "~1")
            yield f"{pointer}/{escaped}", f"unknown member; known are {', '.join(known.__struct_fields__)}"


def _is_number(value: object, least: float, most: float, *, whole: bool = False) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return least <= value <= most and (not whole or value == int(value))


def _json_type(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


_SCORE = _Shape(msgspec.json.Decoder(ScoreBody), None, "neighbours", _score_option_errors)
_EXPLAIN = _Shape(msgspec.json.Decoder(ExplainBody), 2, "top", _explain_option_errors)
