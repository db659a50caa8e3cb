"""A scorer's result → JSON: NumPy arrays, Structs, dataclasses and pydantic models included."""

import dataclasses
import math
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import orjson

from service.api.outcome import ResultError


def encode_json(result: Any, name: str) -> bytes:
    """Return a result of the scorer `name` as JSON. Raises: ResultError for what JSON cannot hold."""
    try:
        encoded = _dumps(result)
    except (TypeError, ValueError) as error:
        detail = f"the scorer {name} returned what cannot be written as JSON; the log says what"
        raise ResultError(detail, f"{detail}: {error}") from None
    # orjson writes NaN as null. Where there is no null there was none, and most answers have none.
    if b"null" in encoded and not _finite(result):
        raise ResultError(f"the scorer {name} returned NaN or an infinite number, which JSON cannot hold")
    return encoded


def _dumps(result: Any) -> bytes:
    try:
        return orjson.dumps(result, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        # Names that are no texts, such as the number of a class: as in Python's json, and slower for all others.
        option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
        return orjson.dumps(result, default=_plain, option=option)


def _plain(value: Any) -> Any:
    """Return what orjson can write in place of a value that it cannot."""
    if isinstance(value, msgspec.Struct):
        return _members(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(by_alias=True)
    if hasattr(value, "tolist"):
        return value.tolist()  # arrays that are not contiguous, and rarer number types
    if isinstance(value, set | frozenset):
        return list(value)
    if isinstance(value, Decimal | timedelta):
        return msgspec.to_builtins(value)  # a text, as the schemas of msgspec and pydantic say
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _members(struct: msgspec.Struct) -> dict[str, Any] | list[Any]:
    """Return a Struct's members by the names that it has in JSON, the tag among them, or as the array that it is."""
    tag, names = _names(type(struct))
    if struct.__struct_config__.array_like:
        tags = [struct.__struct_config__.tag] if struct.__struct_config__.tag is not None else []
        return [*tags, *(getattr(struct, name) for _, name in names)]
    members = {encoded: getattr(struct, name) for name, encoded in names}
    return dict(tag) | {name: value for name, value in members.items() if value is not msgspec.UNSET}


@cache
def _names(kind: type[msgspec.Struct]) -> tuple[tuple[tuple[str, Any], ...], tuple[tuple[str, str], ...]]:
    config = kind.__struct_config__
    tag = ((config.tag_field, config.tag),) if config.tag_field else ()
    return tag, tuple(zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True))


def _finite(value: Any) -> bool:
    """Return whether there is no NaN and no infinity in a value that could be encoded."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str | int | None):
        return True
    return all(map(_finite, _parts(value)))


def _parts(value: Any) -> Iterable[Any]:
    """Return what a value consists of in JSON."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list | tuple):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    try:
        return (_plain(value),)
    except TypeError:
        return ()  # dates and other values that orjson writes as texts
