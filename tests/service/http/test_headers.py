"""How the headers of a request are read."""

import pytest

from service.errors import Refused
from service.http.headers import accepted, check_content, timeout, whole_number
from service.http.score import SCORE


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (b"", "json"),
        (b"*/*", "json"),
        (b"application/json", "json"),
        (b"APPLICATION/JSON", "json"),
        (b"application/*", "json"),
        (b"application/json, application/x-npy", "json"),
        (b"application/x-npy", "npy"),
        (b"application/x-npy, */*", "npy"),
        (b"application/x-npy, application/json;q=0.9", "npy"),
        (b"application/x-npy;q=0.5, application/json;q=0.6", "json"),
        (b"application/json;q=0, */*", "npy"),
        (b"application/x-npy;q=0, */*;q=0.1", "json"),
        (b"text/html, application/xhtml+xml, */*;q=0.8", "json"),
        (b"application/json;version=1;q=0.3", "json"),
        (b"nonsense, application/json", "json"),
    ],
)
def test_accept_chooses_the_media_type(header: bytes, kind: str) -> None:
    """The higher quality wins, then the more specific name, then JSON."""
    assert accepted({b"accept": header}, SCORE.media_types) == kind


@pytest.mark.parametrize(
    "header",
    [
        b"text/html",
        b"application/json;q=0",
        b"*/*;q=0",
        b"application/json;q=0.000",
        b"json",
        b"image/*",
        b",",
    ],
)
def test_accept_without_a_supported_type_is_refused(header: bytes) -> None:
    """The answer is 406, not a type that the client did not ask for."""
    with pytest.raises(Refused):
        accepted({b"accept": header}, SCORE.media_types)


@pytest.mark.parametrize(
    "kind",
    [
        b"application/json",
        b"application/json;charset=utf-8",
        b"application/json; charset=UTF-8",
        b'application/json ; charset="utf-8"',
        b"application/json; charset=utf8; profile=x",
    ],
)
def test_json_in_utf8_is_accepted(kind: bytes) -> None:
    """The charset may be written in any way and other parameters may follow."""
    check_content({b"content-type": kind})


@pytest.mark.parametrize(
    "kind",
    [
        b"",
        b"text/json",
        b"application/json-seq",
        b"application/problem+json",
        b"application/json, application/json",
        b"application/json; charset=latin-1",
        b"application/json; charset=utf-16",
        b"application/json; charset=utf-8; charset=latin-1",
        b"application/json; charset",
        b"multipart/form-data",
    ],
)
def test_other_types_and_charsets_are_refused(kind: bytes) -> None:
    """The answer is 415, also where two charsets contradict each other."""
    with pytest.raises(Refused):
        check_content({b"content-type": kind})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"0", 0),
        (b"007", 7),
        (b"9" * 5_000, 10**15),
        (b"0" * 5_000 + b"5", 5),
        (b"", None),
        (b"-1", None),
        (b"1.0", None),
        (b"1e3", None),
        (b" 1", None),
        ("٣".encode(), None),
    ],
)
def test_whole_numbers_are_parsed(text: bytes, number: int | None) -> None:
    """Only ASCII digits are a number (else None); a number is capped at 10**15 and may have any length."""
    assert whole_number(text) == number


def test_a_client_can_only_shorten_the_time_limit() -> None:
    """Without the header, and above the limit, the limit holds."""
    assert timeout({}, 30) == 30
    assert timeout({b"x-request-timeout-ms": b"1500"}, 30) == 1.5
    assert timeout({b"x-request-timeout-ms": b"60000"}, 30) == 30
