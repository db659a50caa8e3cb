"""Bytes to lines: any encoding, any cut between reads, the line of a fault."""

import codecs
import gzip
import io
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.texts.compression import Compression, DamagedError, Expanded
from scoring.texts.documents import MIB, ReadingLimits
from scoring.texts.faults import TextFault
from scoring.texts.lines import CHUNK_BYTES, Lines
from tests.support import zstd


def checked_zstd(content: bytes) -> bytes:
    """Compress with a checksum, as the program `zstd` does."""
    return zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1})


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\ufeff"))


class Dribbling(io.BytesIO):
    """Bytes that come a few at a time, as through a pipe."""

    def __init__(self, content: bytes, step: int) -> None:
        super().__init__(content)
        self._step = step

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(self._step, self._step if size is None or size < 0 else size))


def lines(
    content: bytes,
    *,
    encoding: str = "utf-8",
    step: int = CHUNK_BYTES,
    most: int = MIB,
    total: int | None = None,
) -> Lines:
    """Return the lines of these bytes."""
    limits = ReadingLimits(total_bytes=total)
    return Lines("a.txt", Expanded(Dribbling(content, step)), encoding, limits, most)


@given(TEXT, st.integers(1, 7))
def test_lines_are_those_of_the_standard_library(text: str, step: int) -> None:
    """However the bytes are cut, line ends of every kind included."""
    expected = list(io.StringIO(text, newline=None))

    read = lines(text.encode(), step=step)

    assert list(read) == expected
    assert read.number == len(expected)


@given(
    TEXT, st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]), st.integers(1, 7)
)
def test_a_byte_order_mark_says_the_encoding(text: str, encoding: str, step: int) -> None:
    """Whatever was said; the mark itself is no text."""
    content = ("\ufeff" + text).encode(encoding)

    assert "".join(lines(content, step=step)) == "".join(io.StringIO(text, newline=None))


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "shift_jis", "gb18030", "koi8-r"])
def test_an_encoding_may_be_said(encoding: str) -> None:
    """By any name that Python knows."""
    text = {"shift_jis": "日本語\nテスト\n", "gb18030": "北京\n", "koi8-r": "Москва\n"}.get(
        encoding, "café\n"
    )

    assert "".join(lines(text.encode(encoding), encoding=encoding, step=1)) == text


@pytest.mark.parametrize(
    ("content", "encoding", "fault"),
    [
        (b"a\nb\r\nc\xff", "utf-8", "a.txt, line 3: the byte 0xff is not utf-8; --encoding sets another"),
        (b"a\n\xe2\x82", "utf-8", "a.txt, line 2: the byte 0xe2 is not utf-8"),
        (codecs.BOM_UTF16_LE + b"a\0\n\0b", "utf-8", "a.txt, line 2: the byte 0x62 is not utf-16-le"),
        (b"a\0\n\0b", "utf-16-le", "a.txt, line 2: the byte 0x62 is not utf-16-le"),
        (b"a\n\x81", "shift_jis", "a.txt, line 2: the byte 0x81 is not shift_jis"),
        (b"a\0b\0c\0", "utf-8", "a.txt: is not utf-8: it is binary, or UTF-16 without a byte order mark"),
        (
            b"ab",
            "utf-16",
            "a.txt: is not utf-16: it has no byte order mark (utf-16-le and utf-16-be need none)",
        ),
        (b"ab", "klingon", "a.txt: cannot be read, 'klingon' is no text encoding; --encoding sets another"),
        (b"ab", "zlib", "a.txt: cannot be read, 'zlib' is no text encoding"),
        (b"ab", "a\0b", "a.txt: cannot be read, 'a\\x00b' is no text encoding"),
    ],
)
@pytest.mark.parametrize("step", [1, CHUNK_BYTES])
def test_bytes_of_another_encoding_are_named_with_their_line(
    content: bytes, encoding: str, fault: str, step: int
) -> None:
    """One sentence, and what to do."""
    with pytest.raises(TextFault) as raised:
        list(lines(content, encoding=encoding, step=step))

    assert str(raised.value).startswith(fault)


@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress])
@pytest.mark.parametrize("step", [1, 1000])
def test_members_of_a_compressed_file_follow_each_other(compress: object, step: int) -> None:
    """As `cat a.gz b.gz` makes them."""
    assert callable(compress)
    content = compress(b"one\ntw") + compress(b"") + compress(b"o\n")

    assert list(lines(content, step=step)) == ["one\n", "two\n"]


@pytest.mark.parametrize("compress", [gzip.compress, checked_zstd])
def test_a_cut_or_damaged_file_is_a_fault_with_a_line(compress: object) -> None:
    """Not the library's exception."""
    assert callable(compress)
    content = compress("".join(f"{i}\n" for i in range(50_000)).encode())

    for broken, detail in (
        (content[:-20], "cut off"),
        (content[:5000] + b"ABCDEFGH" * 4 + content[5032:], ""),
    ):
        with pytest.raises(TextFault, match=f"a.txt, line [0-9]+: the (gzip|zstd) data .*{detail}"):
            list(lines(broken))


def test_a_frame_to_skip_comes_before_data() -> None:
    """As parallel zstd compressors write."""
    content = b"\x50\x2a\x4d\x18\x04\x00\x00\x00size" + zstd.compress(b"one\n")

    assert list(lines(content)) == ["one\n"]


@pytest.mark.parametrize("declared", list(Compression))
def test_what_is_not_compressed_as_declared_is_refused(declared: Compression) -> None:
    """Plain text named .gz, or sent with a Content-Encoding that it has not."""
    with pytest.raises(DamagedError, match=f"the data are not {declared}"):
        Expanded(io.BytesIO(b"plain"), declared)


@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress])
def test_a_line_that_expands_without_end_costs_no_memory(compress: object) -> None:
    """64 MiB of one line in 70 KB: reading ends at the line's limit."""
    assert callable(compress)
    content = compress(b"one\n" + bytes(b"a" * (64 * MIB)))

    tracemalloc.start()
    with pytest.raises(TextFault, match=f"a.txt, line 2: is longer than {MIB} characters"):
        list(lines(content))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 8 * MIB


def test_all_lines_together_are_limited() -> None:
    """By the bytes that they expand to."""
    with pytest.raises(TextFault) as raised:
        list(lines(gzip.compress(b"a\n" * 100_000), total=100_000))

    assert raised.value.code == "body_too_large"


def test_lines_come_as_they_are_read() -> None:
    """Nothing waits for the end of the stream."""

    class Endless(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            return b"line\n"

    read: Iterator[str] = iter(Lines("-", Expanded(Endless()), "utf-8", ReadingLimits(), MIB))

    assert [next(read) for _ in range(3)] == ["line\n"] * 3
