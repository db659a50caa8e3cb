"""Bodies → the type that a scorer's `score` takes, and what it returns → bytes.

`TypedCodec` makes both from annotations: msgspec's types, dataclasses, TypedDicts and pydantic models. A scorer
may bring another `Codec`, as the built-in one does, whose order of checks is fixed by the contract.
"""

import re
import sys
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol, get_args

import msgspec

from service.api.outcome import Facts, ResultError
from service.api.problems import FieldError
from service.api.request import MAX_ERRORS, MAX_NAME_LENGTH, Buffer, Operation, RequestError, parse_json
from service.scorers.declaration import Declaration
from service.scorers.encoding import encode_json
from service.scorers.reference import ScorerError, first_line

# Of one sentence about a fault in a body.
MAX_DETAIL = 300

# How the schemas of a scorer's types are called among those of the service.
_SCHEMA = "Scorer.{name}"
_REFERENCE = "#/components/schemas/" + _SCHEMA

Json = dict[str, Any]

# msgspec's message: what is wrong, and where: `$.documents[3].text`.
_MESSAGE = re.compile(r"(.*?)(?: - at `(?:key in )?\$(.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_MEMBER = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)


class Encoded(NamedTuple):
    """An answer; `raw` where it is bytes of the scorer's own media type and no JSON."""

    body: bytes
    raw: bool = False


class Codec(Protocol):
    """How requests and results of one scorer cross."""

    def decode(self, body: Buffer, operation: Operation) -> Any:
        """Return the request in a body, whose buffer it must not keep. Raises: RequestError."""

    def encode(self, request: Any, result: Any, operation: Operation) -> Encoded:
        """Return the answer. Raises: ResultError for a result that cannot be one."""

    def facts(self, request: Any, result: Any) -> Facts:
        """Return what is counted, with the stages of scoring if the scorer measures them itself."""


class TypedCodec:
    """The codec that a scorer's annotations describe."""

    def __init__(self, declared: Declaration) -> None:
        """Make the decoder. Raises: ScorerError for a type that cannot be decoded."""
        self._name = declared.name
        self._binary = declared.response is bytes
        self._decode = _decoder(declared)

    def decode(self, body: Buffer, operation: Operation) -> Any:
        """Return the request in a body. Raises: RequestError."""
        return self._decode(body)

    def encode(self, request: Any, result: Any, operation: Operation) -> Encoded:
        """Return bytes as they are, anything else as JSON. Raises: ResultError."""
        if isinstance(result, bytes | bytearray | memoryview):
            return Encoded(bytes(result), raw=True)
        if self._binary:
            raise ResultError(f"the scorer {self._name} declares bytes and returned {type(result).__name__}")
        return Encoded(encode_json(result, self._name))

    def facts(self, request: Any, result: Any) -> Facts:
        """Count one document a request."""
        return Facts(documents=1)


def _decoder(declared: Declaration) -> Callable[[Buffer], Any]:
    kind = declared.request
    if kind is bytes:
        return bytes
    if kind is Any:
        return parse_json
    if _has_pydantic(kind):
        return _pydantic_decoder(kind)
    try:
        decoder = msgspec.json.Decoder(kind)
        msgspec.json.schema_components([kind])  # refuses what the decoder would refuse at the first body
    except (TypeError, ValueError) as error:
        raise ScorerError(
            f"{declared.place}: the type of a request cannot be decoded: {first_line(error)}"
        ) from None
    return _msgspec_decoder(decoder)


def _msgspec_decoder(decoder: "msgspec.json.Decoder[Any]") -> Callable[[Buffer], Any]:
    def decode(body: Buffer) -> Any:
        try:
            return decoder.decode(body)
        except RecursionError:
            message = "nested too deep"
        except ValueError as error:
            message = str(error)
        # What is no JSON at all is said first, wherever in the body it is.
        parse_json(body)
        raise _invalid([_field_error(message)])

    return decode


def _pydantic_decoder(kind: Any) -> Callable[[Buffer], Any]:
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - the scorer brings it

    adapter = TypeAdapter(kind)

    def decode(body: Buffer) -> Any:
        parse_json(body)
        try:
            return adapter.validate_json(bytes(body))
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
        raise _invalid([("".join(map(_step, each["loc"])), each["msg"]) for each in found[:MAX_ERRORS]])

    return decode


def _invalid(errors: list[FieldError]) -> RequestError:
    errors = [(pointer, detail[:MAX_DETAIL]) for pointer, detail in errors]
    pointer, detail = errors[0]
    return RequestError("invalid_document", f"{pointer or 'the body'}: {detail}", errors)


def _field_error(message: str) -> FieldError:
    """Turn msgspec's message into a JSON pointer (RFC 6901) and what is wrong there."""
    match = _MESSAGE.fullmatch(message)
    assert match is not None
    detail, path = match[1], match[2] or ""
    # Below a member whose name msgspec does not tell, `[...]`, the pointer stays at what holds it.
    pointer = "".join(_step(name or index) for name, index in _STEP.findall(path.partition("[...]")[0]))
    member = _MEMBER.fullmatch(detail)
    if member is None:
        return pointer, detail
    return pointer + _step(member[2]), "missing" if member[1] == "missing required" else "unknown member"


def _step(name: str | int) -> str:
    return "/" + str(name)[:MAX_NAME_LENGTH].replace("~", "~0").replace("/", "~1")


def _has_pydantic(kind: Any) -> bool:
    """Return whether a type is, or holds, a pydantic model; pydantic is not imported for it."""
    if "pydantic" not in sys.modules:
        return False
    return hasattr(kind, "__pydantic_validator__") or any(map(_has_pydantic, get_args(kind)))


def schemas(kind: Any, *, answer: bool) -> tuple[Json, Json]:
    """Return the JSON Schema of a type, and the schemas that it refers to; `{}` for one that says nothing."""
    if kind in {Any, bytes}:
        return {}, {}
    if _has_pydantic(kind):
        from pydantic import TypeAdapter  # noqa: PLC0415 - the scorer brings it

        mode: Literal["serialization", "validation"] = "serialization" if answer else "validation"
        schema = TypeAdapter(kind).json_schema(
            mode=mode, ref_template=_REFERENCE.replace("{name}", "{model}")
        )
        return schema, {_SCHEMA.format(name=name): part for name, part in schema.pop("$defs", {}).items()}
    try:
        (schema,), parts = msgspec.json.schema_components([kind], ref_template=_REFERENCE)
    except (TypeError, ValueError):
        return {}, {}
    return schema, {_SCHEMA.format(name=name): part for name, part in parts.items()}
