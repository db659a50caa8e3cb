"""The request of `/score`: documents and options to bytes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Similarity = Literal["neighbours", "pairs", "matrix", "none"]


@dataclass(frozen=True, slots=True)
class Document:
    """A text with an id of its own; a text without one has its position as its id."""

    text: str
    id: str | None = None


AnyDocument = str | Document


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of the documents of one request; None is the service's default."""

    similarity: Similarity = "neighbours"
    neighbours: int | None = None
    threshold: float | None = None
    vectors: bool = False

    def members(self) -> dict[str, object]:
        """Return the members of the request's body that differ from the service's defaults."""
        members: dict[str, object] = {"similarity": self.similarity}
        if self.neighbours is not None:
            members["neighbours"] = self.neighbours
        if self.threshold is not None:
            members["threshold"] = self.threshold
        if self.vectors:
            members["vectors"] = True
        return members


# A whole encoder: `json.dumps` with options makes one for each text.
_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def encode_document(document: AnyDocument) -> bytes:
    """Encode one document as JSON in UTF-8. Lone surrogates are sent as they are, for the service to refuse."""
    return _bytes(_value(document))


def refuse_text(documents: object) -> None:
    """Raise TypeError for one text in place of several: each of its characters would be a document."""
    if isinstance(documents, str):
        raise TypeError("documents: one text given, expected several; put it into a list")


def encode_request(documents: Sequence[AnyDocument], options: Options) -> bytes:
    """Encode the body of one request. Raises: TypeError for one text in place of several."""
    refuse_text(documents)
    return _bytes({"documents": [_value(document) for document in documents], **options.members()})


def join_request(encoded: Sequence[bytes], options: Options) -> bytes:
    """Encode the body of one request with documents that are encoded already."""
    return b'{"documents":[' + b",".join(encoded) + b"]," + _bytes(options.members())[1:]


def _value(document: AnyDocument) -> object:
    if not isinstance(document, Document):
        return document
    return {"text": document.text} if document.id is None else {"id": document.id, "text": document.text}


def _bytes(value: object) -> bytes:
    return _ENCODE(value).encode("utf-8", "surrogatepass")
