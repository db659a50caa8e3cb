"""Which answers count as the same."""

import pytest

from service.scorers.trial import equal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"\x89PNG", b"\x89PNG"),
        (b'{"a": [1, 0.1], "b": null}', b'{"b":null,"a":[1,0.1000000001]}'),
        (b'{"matrix": [[1.0, 1e-9]]}', b'{"matrix": [[0.99999999, 0.0]]}'),
    ],
)
def test_rounding_and_the_order_of_members_make_no_difference(one: bytes, other: bytes) -> None:
    """Libraries add up in another order for many rows."""
    assert equal(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"\x89PNG", b"\x89PNH"),
        (b"[1, 2]", b"[2, 1]"),
        (b"[1]", b"[1, 1]"),
        (b'{"a": 1}', b'{"b": 1}'),
        (b"[0.1]", b"[0.1001]"),
        (b"[7]", b"[8]"),
        (b'["a"]', b"[null]"),
    ],
)
def test_other_answers_are_not_the_same(one: bytes, other: bytes) -> None:
    """Counts, names, whole numbers, and floats from the fourth digit on."""
    assert not equal(one, other)
