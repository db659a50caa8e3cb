"""A test oracle for request bodies, made of the standard library's parser and the published JSON Schema.

It shares no code with the decoder except the types from which the schema is generated.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from openapi_schema_validator import OAS31Validator

from service.api.openapi import openapi_document
from service.limits import RequestLimits

# Levels of nesting from which one recursive parser fails and another may not: that of Python 3.14 goes as deep as its
# stack allows.
_AMBIGUOUS_DEPTH = 900


class RequestOracle:
    """Knows with which codes a body may be answered; "ok" is a scored request."""

    def __init__(self, limits: RequestLimits) -> None:
        self._limits = limits
        components = openapi_document(limits)["components"]
        schema = {"$ref": "#/components/schemas/ScoreBody", "components": components}
        del components["schemas"]["ScoreBody"]["properties"]["documents"]["maxItems"]
        self._validator = OAS31Validator(schema)

    def judge(self, body: bytes) -> set[str]:
        """Return the codes that are right for a body; more than one where parsers may differ."""
        try:
            value = json.loads(
                body.decode("utf-8"),
                parse_constant=_refuse,
                parse_float=_finite,
                parse_int=_representable,
                object_pairs_hook=_encodable,
            )
            _encodable([("", value)])
        except RecursionError:
            return {"invalid_json", "invalid_document", "invalid_option"}
        except ValueError:
            return {"invalid_json"}
        if _depth(body) >= _AMBIGUOUS_DEPTH:
            return {"invalid_json", "invalid_document", "invalid_option"}
        return {self._sizes(value) or self._shapes(value) or self._ids(value) or "ok"}

    def _sizes(self, value: Any) -> str | None:
        documents = value.get("documents") if isinstance(value, dict) else None
        if not isinstance(documents, list):
            return None
        if len(documents) > self._limits.max_documents:
            return "too_many_documents"
        texts = [entry.get("text") if isinstance(entry, dict) else entry for entry in documents]
        longest = max((len(text.encode()) for text in texts if isinstance(text, str)), default=0)
        return "document_too_large" if longest > self._limits.max_document_bytes else None

    def _shapes(self, value: Any) -> str | None:
        """Check documents before options; the validator reports a missing or unknown member at its object."""
        if not isinstance(value, dict):
            return "invalid_document"
        faulty = {name for error in self._validator.iter_errors(value) for name in _named(error)}
        if "documents" in faulty or "documents" not in value:
            return "invalid_document"
        return "invalid_option" if faulty else None

    def _ids(self, value: Any) -> str | None:
        documents = enumerate(value["documents"])
        ids = [entry.get("id", str(at)) if isinstance(entry, dict) else str(at) for at, entry in documents]
        return "duplicate_id" if len(set(ids)) < len(ids) else None


def _named(error: Any) -> Iterator[str]:
    yield str(error.absolute_path[0]) if error.absolute_path else "(the object itself)"


def _encodable(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; raise for a lone surrogate, also in a member that a duplicate replaces."""
    for pair in pairs:
        waiting: list[object] = [*pair]
        while waiting:
            value = waiting.pop()
            if isinstance(value, list):
                waiting.extend(value)
            elif isinstance(value, str):
                value.encode()
    return dict(pairs)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError("out of range")
    return float(text)


def _representable(text: str) -> int | float:
    # Beyond 18 digits a float is exact enough for the range checks; int refuses more than 4,300 digits.
    return int(text) if len(text) < 19 else _finite(text)


def _depth(body: bytes) -> int:
    deepest = depth = 0
    for bracket in re.findall(rb"[\[\]{}]", body):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest
