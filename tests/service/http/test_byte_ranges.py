"""Which bytes a request asks for."""

import pytest

from service.errors import Refused
from service.http.byte_ranges import asked_range, is_current

ETAG = b'"e"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"bytes=0-0", (0, 1)),
        (b"bytes=5-", (5, 100)),
        (b"bytes=-10", (90, 100)),
        (b"bytes=-1000", (0, 100)),
        (b"bytes=10-1000", (10, 100)),
        (b"", None),
        (b"bytes=9-3", None),
        (b"bytes=-", None),
        (b"bytes=1-2,5-6", None),
        (b"lines=1-2", None),
        (b"bytes=" + b"9" * 30 + b"-", None),
    ],
)
def test_one_range_is_answered(text: bytes, expected: tuple[int, int] | None) -> None:
    """Of what is malformed, or several, all bytes are sent."""
    assert asked_range({b"range": text}, ETAG, 100) == expected


@pytest.mark.parametrize("text", [b"bytes=100-", b"bytes=100-200", b"bytes=-0"])
def test_a_range_behind_the_end_is_refused(text: bytes) -> None:
    """It cannot be satisfied."""
    with pytest.raises(Refused, match="100 bytes"):
        asked_range({b"range": text}, ETAG, 100)


def test_a_range_of_another_representation_is_all_of_this_one() -> None:
    """`If-Range` names the one that the client has begun with."""
    fields = {b"range": b"bytes=5-", b"if-range": b'"other"'}

    assert asked_range(fields, ETAG, 100) is None
    assert asked_range({**fields, b"if-range": ETAG}, ETAG, 100) == (5, 100)


@pytest.mark.parametrize(
    ("text", "expected"), [(b'"e"', True), (b'W/"e", "f"', True), (b"*", True), (b'"f"', False)]
)
def test_a_client_may_have_it_already(text: bytes, *, expected: bool) -> None:
    """By any of the tags that it sends."""
    assert is_current({b"if-none-match": text}, ETAG) is expected
