"""Heads that differ from the one before on their connection in their length alone."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from service.connections.http1 import FramingError, Head, HeadParser, parse_head


def head(*fields: str, line: str = "POST /score HTTP/1.1") -> bytes:
    """Return a head with a Host and these fields."""
    return "\r\n".join([line, "Host: a", *fields, "", ""]).encode()


def parsed_or_refused(parse: Callable[[bytes], Head], raw: bytes) -> Head | str:
    """Return the head, or the detail with which it is refused."""
    try:
        return parse(raw)
    except FramingError as error:
        return error.detail


LENGTHS = [
    "Content-Length: 5",
    "Content-Length: 77",
    "content-length: 6",
    "Content-Length:  5",
    "Content-Length: 0",
]
ODD = [
    "Content-Length: 05",
    "Content-Length: -5",
    "Content-Length: 5 ",
    "Content-Length: " + "9" * 20,
    "Content-Length: ",
]
OTHERS = [
    "Expect: 100-continue",
    "X-Content-Length: 8",
    "X: Content-Length: 9",
    "Connection: close",
    "X: " + "a" * 2_000,
]
LINES = ["POST /score HTTP/1.1", "POST http://other/score HTTP/1.1", "POST /score HTTP/1.0"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(LINES),
            st.lists(st.sampled_from([*LENGTHS, *ODD, *OTHERS]), max_size=3),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_the_heads_of_a_connection_are_read_as_each_alone(heads: list[tuple[str, list[str]]]) -> None:
    """Whatever came before: only what was checked is known again."""
    parser = HeadParser()

    for line, fields in heads:
        raw = head(*fields, line=line)
        assert parsed_or_refused(parser.parse, raw) == parsed_or_refused(parse_head, raw)


def test_fields_of_a_known_head_are_a_list_of_their_own() -> None:
    """An application may change the one that it is given."""
    parser = HeadParser()
    first = parser.parse(head("Content-Length: 5"))
    second = parser.parse(head("Content-Length: 6"))

    second.fields.clear()

    assert parser.parse(head("Content-Length: 7")).fields == [(b"host", b"a"), (b"content-length", b"7")]
    assert first.fields == [(b"host", b"a"), (b"content-length", b"5")]
