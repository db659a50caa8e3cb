"""Compressed streams: gzip and zstd, known by their first bytes, expanded as far as is read."""

import gzip
import io
import sys
import zlib
from enum import StrEnum
from typing import Protocol

_HEAD_BYTES = 4
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# A frame that holds no data, as parallel compressors write before each of theirs: 0x184D2A50 to 0x184D2A5F.
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"


class Compression(StrEnum):
    """How the bytes of a text are compressed; the values are those of Content-Encoding."""

    GZIP = "gzip"
    ZSTD = "zstd"


class Readable(Protocol):
    """A source of bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes; none at the end."""


class DamagedError(Exception):
    """Compressed data cannot be expanded; the message is the rest of a sentence about them."""


class Expanded:
    """The bytes of a stream, expanded where they are compressed, whether or not it was said that they are."""

    def __init__(self, stream: Readable, declared: Compression | None = None) -> None:
        """Read the stream's first bytes. Raises: DamagedError when they are not `declared` compression."""
        head = b""
        while len(head) < _HEAD_BYTES and (more := stream.read(_HEAD_BYTES - len(head))):
            head += more
        self.compression = _compression_of(head)
        if declared is not None and head and declared is not self.compression:
            raise DamagedError(f"the data are not {declared}, as is said of them")
        whole = _Continued(head, stream)
        self._source: Readable = whole
        self._damage: tuple[type[Exception], ...] = ()
        if self.compression is Compression.GZIP:
            self._source = gzip.GzipFile(fileobj=io.BufferedReader(whole))
            self._damage = (gzip.BadGzipFile, zlib.error)
        elif self.compression is Compression.ZSTD:
            self._source, error = _zstd(io.BufferedReader(whole))
            self._damage = (error,)

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes; none at the end. Raises: DamagedError, OSError."""
        try:
            return self._source.read(size)
        except EOFError as error:
            raise DamagedError(f"the {self.compression} data end too early; the file is cut off") from error
        except self._damage as error:
            raise DamagedError(f"the {self.compression} data are damaged ({error})") from error


def _compression_of(head: bytes) -> Compression | None:
    if head.startswith(_GZIP_MAGIC):
        return Compression.GZIP
    if head == _ZSTD_MAGIC or (head[1:] == _ZSTD_SKIPPABLE and head[0] >> 4 == 5):
        return Compression.ZSTD
    return None


def _zstd(stream: "io.BufferedReader[_Continued]") -> tuple[Readable, type[Exception]]:
    """Return a reader of what `stream` expands to, and what it raises; few need it, so it is imported here."""
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415
    else:
        from backports import zstd  # noqa: PLC0415 - the same before Python 3.14
    return zstd.ZstdFile(stream), zstd.ZstdError


class _Continued(io.RawIOBase):
    """Bytes that were read from a stream already, and then the stream's."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override] # what `io` passes
        part = self._head[: len(buffer)]
        self._head = self._head[len(part) :]
        part = part or self._stream.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)
