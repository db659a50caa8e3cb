"""Results become JSON, whatever library made them; what JSON cannot hold is told and never sent."""

import dataclasses
import datetime
import decimal
import math
from typing import Any

import msgspec
import numpy as np
import orjson
import pydantic
import pytest

from service.api.outcome import ResultError
from service.scorers.encoding import encode_json


class Renamed(msgspec.Struct, rename="camel", tag="renamed", kw_only=True):
    long_name: int
    missing: int | msgspec.UnsetType = msgspec.UNSET
    vector: Any = None


class Row(msgspec.Struct, array_like=True, tag="row"):
    number: int
    vector: Any


class Price(pydantic.BaseModel):
    value: decimal.Decimal


@dataclasses.dataclass
class Data:
    value: Any


class Model(pydantic.BaseModel):
    value: float


@pytest.mark.parametrize(
    ("result", "encoded"),
    [
        ({"a": [1, None, "null"]}, {"a": [1, None, "null"]}),
        (np.arange(4, dtype=np.float32).reshape(2, 2), [[0.0, 1.0], [2.0, 3.0]]),
        (np.arange(6)[::2], [0, 2, 4]),
        ([np.float32(0.5), np.int64(3), np.bool_(True)], [0.5, 3, True]),
        (np.array([0.5], dtype=np.float16), [0.5]),
        (Renamed(long_name=1, vector=np.ones(1)), {"type": "renamed", "longName": 1, "vector": [1.0]}),
        (Data(np.ones(1)), {"value": [1.0]}),
        (Model(value=2), {"value": 2.0}),
        ({"at": datetime.date(2026, 1, 2), "none": None}, {"at": "2026-01-02", "none": None}),
        ({1}, [1]),
        (Row(1, np.ones(1)), ["row", 1, [1.0]]),
        ([decimal.Decimal("1.50"), datetime.timedelta(seconds=3)], ["1.50", "PT3S"]),
        (Price(value=decimal.Decimal("1.50")), {"value": "1.50"}),
        ({1: 0.5, 2: {np.str_("a"): None}}, {"1": 0.5, "2": {"a": None}}),
        (None, None),
    ],
)
def test_a_result_is_written_as_json(result: Any, encoded: Any) -> None:
    """Arrays as lists, objects by their members."""
    assert orjson.loads(encode_json(result, "s")) == encoded


@pytest.mark.parametrize(
    "result",
    [
        math.nan,
        [1.0, {"a": -math.inf}],
        np.array([1.0, np.nan], dtype=np.float32),
        {"a": np.float32("inf")},
        Data(math.nan),
        Data(np.array([[math.inf]])),
        Renamed(long_name=1, vector=math.nan),
        Model(value=math.inf),
    ],
)
def test_a_number_that_json_has_not_is_refused(result: Any) -> None:
    """Wherever it is."""
    with pytest.raises(ResultError, match="the scorer s returned NaN or an infinite number"):
        encode_json(result, "s")


@pytest.mark.parametrize("result", [object(), {"a": object()}, {(1, 2): 3}, 2**80, "\ud800", 1j])
def test_what_is_no_json_is_refused(result: Any) -> None:
    """The client is told that, and the log what it was."""
    with pytest.raises(ResultError) as caught:
        encode_json(result, "s")

    assert caught.value.detail == "the scorer s returned what cannot be written as JSON; the log says what"
