"""Bodies are decoded by the declared types; what is wrong is told by a JSON pointer, whatever made the type."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import msgspec
import pydantic
import pytest

from service.api.request import RequestError
from service.scorers.codec import TypedCodec, schemas
from service.scorers.declaration import Declaration
from service.scorers.reference import ScorerError


class ItemStruct(msgspec.Struct):
    text: str
    tags: list[str] = []


class StructRequest(msgspec.Struct, forbid_unknown_fields=True):
    items: list[ItemStruct]
    weight: Annotated[float, msgspec.Meta(ge=0)] = 1.0


@dataclasses.dataclass
class ItemData:
    text: str
    tags: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class DataRequest:
    items: list[ItemData]
    weight: float = 1.0


class ItemDict(TypedDict):
    text: str


class DictRequest(TypedDict):
    items: list[ItemDict]


class ItemModel(pydantic.BaseModel):
    text: str
    tags: list[str] = []


class ModelRequest(pydantic.BaseModel):
    items: list[ItemModel]
    weight: float = 1.0


KINDS = (StructRequest, DataRequest, DictRequest, ModelRequest)


def decoder_of(kind: Any) -> Callable[[bytes], Any]:
    """Return what decodes bodies of this type."""
    declared = Declaration(lambda request: request, "m:f", True, "f", "", kind, Any, (), "", ())
    codec = TypedCodec(declared)
    return lambda body: codec.decode(body, "score")


def refusal(kind: Any, body: bytes) -> RequestError:
    """Return why a body is refused."""
    with pytest.raises(RequestError) as caught:
        decoder_of(kind)(body)
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_becomes_the_declared_type(kind: Any) -> None:
    """Whatever library made it."""
    decoded = decoder_of(kind)(b'{"items": [{"text": "a"}]}')

    item = (decoded["items"] if kind is DictRequest else decoded.items)[0]
    assert (item["text"] if kind is DictRequest else item.text) == "a"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"items": [{"text": "a"}, {"text": 1}]}', "/items/1/text"),
        (b'{"items": [{}]}', "/items/0/text"),
        (b"{}", "/items"),
        (b"[]", ""),
        (b'{"items": {}}', "/items"),
    ],
)
def test_a_fault_is_told_by_its_place(kind: Any, body: bytes, pointer: str) -> None:
    """A JSON pointer (RFC 6901)."""
    error = refusal(kind, body)

    assert (error.code, error.errors[0][0]) == ("invalid_document", pointer)


def test_an_unknown_member_is_told_by_its_name() -> None:
    """With the characters of a pointer escaped."""
    assert refusal(StructRequest, b'{"items": [], "a/b": 1}').errors == (("/a~1b", "unknown member"),)


@pytest.mark.parametrize("kind", [*KINDS, Any])
@pytest.mark.parametrize("body", [b"", b"{", b'{"items": [{"text": 1}]', b"NaN", b"\xff", b"[" * 2000])
def test_what_is_no_json_is_told_first(kind: Any, body: bytes) -> None:
    """Also where its beginning has the wrong shape."""
    assert refusal(kind, body).code == "invalid_json"


def test_bytes_are_taken_as_they_are() -> None:
    """And copied out of the memory that is the next request's."""
    shared = bytearray(b"\x89PNG")

    decoded = decoder_of(bytes)(memoryview(shared))  # type: ignore[arg-type]  # as a worker has it
    shared[:] = b"next"

    assert decoded == b"\x89PNG"


def test_a_type_that_cannot_be_decoded_is_refused_at_the_start() -> None:
    """Not at the first request."""

    class Custom:
        pass

    with pytest.raises(ScorerError, match="cannot be decoded"):
        decoder_of(Custom)


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_refers_only_to_what_is_with_it(kind: Any) -> None:
    """And its names cannot be those of the service's own."""
    schema, parts = schemas(kind, answer=False)

    text = msgspec.json.encode([schema, parts]).decode()
    assert {f"#/components/schemas/{name}" for name in parts} >= {
        part.partition('"')[0] for part in text.split('"$ref":"')[1:]
    }
    assert all(name.startswith("Scorer.") for name in parts)
