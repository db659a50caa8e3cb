"""The typed and the untyped decoder of a request agree on any body."""

import contextlib
import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from service.api.request import ExplainBody, RequestError, ScoreBody, decode, decode_explain
from service.limits import RequestLimits

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
DOCUMENTS = st.text(max_size=20) | st.fixed_dictionaries(
    {"text": st.text(max_size=20)}, optional={"id": st.text(max_size=3)}
)
BODIES = st.fixed_dictionaries(
    {"documents": st.lists(DOCUMENTS | JSON_VALUES, max_size=5)},
    optional={
        "similarity": st.sampled_from(["neighbours", "pairs", "matrix", "none", "other"]) | JSON_VALUES,
        "neighbours": st.integers(-1, 102) | JSON_VALUES,
        "threshold": st.floats(-1.5, 1.5) | JSON_VALUES,
        "vectors": st.booleans() | JSON_VALUES,
        "other": JSON_VALUES,
    },
)

PAIRS = st.fixed_dictionaries(
    {"documents": st.lists(DOCUMENTS | JSON_VALUES, min_size=1, max_size=3)},
    optional={"top": st.integers(-1, 1_002) | JSON_VALUES, "other": JSON_VALUES},
)


@given(PAIRS)
def test_both_decoders_of_explanations_agree(value: dict[str, object]) -> None:
    """As those of scores."""
    raw = json.dumps(value).encode()
    try:
        msgspec.json.decode(raw, type=ExplainBody)
        typed = True
    except msgspec.ValidationError:
        typed = False

    try:
        decode_explain(raw, RequestLimits())
        accepted = True
    except RequestError as error:
        accepted = error.code == "duplicate_id"

    top = value.get("top")
    assert accepted == typed or (isinstance(top, float) and top.is_integer())


@given(BODIES)
def test_both_decoders_agree(value: dict[str, object]) -> None:
    """The untyped decoder accepts exactly what the typed one accepts, and a whole number written as 5.0."""
    raw = json.dumps(value).encode()
    try:
        msgspec.json.decode(raw, type=ScoreBody)
        typed = True
    except msgspec.ValidationError:
        typed = False

    try:
        decode(raw, RequestLimits())
        accepted = True
    except RequestError as error:
        accepted = error.code == "duplicate_id"

    neighbours = value.get("neighbours")
    assert accepted == typed or (isinstance(neighbours, float) and neighbours.is_integer())


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_raise_anything_but_a_request_error(raw: bytes) -> None:
    """Any bytes are decoded or refused with a RequestError."""
    with contextlib.suppress(RequestError):
        decode(raw, RequestLimits())
