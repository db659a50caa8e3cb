"""How chunks are read, and which are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.connections.http1 import ChunkedBody, FramingError
from service.connections.limits import FREE_OVERHEAD_BYTES


def follow(raw: bytes, step: int) -> tuple[bytes, int, ChunkedBody]:
    """Feed a chunked body in steps; return its bytes, how many were consumed, and the body."""
    body = ChunkedBody()
    passed, at = b"", 0
    while at < len(raw) and not body.complete:
        piece, at = body.feed(raw, at, min(at + step, len(raw)))
        passed += piece
    return passed, at, body


def chunked(*chunks: bytes) -> bytes:
    """Encode chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.binary(max_size=40), st.integers(1, 50))
def test_the_end_of_a_chunked_body_is_found(chunks: list[bytes], behind: bytes, step: int) -> None:
    """It is found however the bytes are split and whatever bytes follow."""
    raw = chunked(*chunks)

    passed, at, body = follow(raw + behind, step)

    assert (passed, at, body.size) == (b"".join(chunks), len(raw), sum(map(len, chunks)))


@pytest.mark.parametrize("step", [1, 7, 1_000])
def test_extensions_and_trailers_are_left_out(step: int) -> None:
    """A trailer field must never be read as a field of the head."""
    raw = b"2;name=value\r\nab\r\n0;x\r\nAuthorization: Bearer x\r\nX: y\r\n\r\n"

    passed, at, _ = follow(raw + b"GET", step)

    assert passed == b"ab"
    assert at == len(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n",
        b"g\r\n",
        b"0x5\r\n",
        b"-1\r\n",
        b"+1\r\n",
        b" 5\r\n",
        b"5\n",
        b"5\rx\n",
        b"5;\x00\r\n",
        b"5,6\r\n",
        b"f" * 16 + b"\r\n",
        b"5;" + b"x" * 2_000,
        b"0\r\n" + b"x" * 2_000,
        b"1\r\nab\r\n0\r\n\r\n",
        b"1\r\na0\r\n\r\n",
        b"1\r\na\n0\r\n\r\n",
        b"0\r\nX: y\n",
        b"0\r\nGET / HTTP/1.1\r\n",
        b"0\r\n X: y\r\n",
        b"0\r\nX : y\r\n",
        b"0\r\n" + b"X: y\r\n" * 10_000,
    ],
)
@pytest.mark.parametrize("step", [1, 100_000])
def test_ambiguous_and_invalid_chunks_are_refused(raw: bytes, step: int) -> None:
    """Sizes are hexadecimal digits, lines end with CR LF and are short."""
    with pytest.raises(FramingError):
        follow(raw, step)


def test_chunks_smaller_than_their_framing_are_refused() -> None:
    """A body in chunks of one byte costs far more to parse than its size."""
    with pytest.raises(FramingError):
        follow(chunked(*[b"x"] * (FREE_OVERHEAD_BYTES // 4)), 4_096)


def test_small_chunks_of_a_stream_are_accepted() -> None:
    """Clients that stream send a chunk for each line, such as 20 bytes."""
    raw = chunked(*[b"x" * 20] * 10_000)

    assert follow(raw, 4_096)[2].complete
