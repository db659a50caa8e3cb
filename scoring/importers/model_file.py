"""One file of a model, plain or compressed by gzip: its first bytes, its content as a stream or as an open file."""

import gzip
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from scoring.errors import ModelError
from scoring.progress import Progress, silent

_GZIP = b"\x1f\x8b"
# The first bytes of a file, by which its format is recognised.
_SNIFFED_BYTES = 1 << 16
# Bytes between two reports of progress while a file is decompressed.
_COPY_BYTES = 16 << 20


def require_file(path: Path) -> None:
    """Refuse a pipe, which ends after the first reading. Raises: ModelError, without the path; OSError."""
    if path.is_fifo():
        raise ModelError("is a pipe, and is read more than once; write it to a file first")


class ModelFile:
    """The file at `path`; `start` holds the first bytes of its content, decompressed if it is a gzip file.

    Raises: ModelError when it is empty or a pipe; OSError when it cannot be read; EOFError, zlib.error when it is a
    damaged gzip file, which any later reading can raise too.
    """

    def __init__(self, path: Path, progress: Progress = silent) -> None:
        """Read the start; `progress` is told the bytes of the file that are read, under the stage `vectors`."""
        self.path = path
        self._progress = progress
        require_file(path)
        self._size = path.stat().st_size
        with path.open("rb") as raw:
            self.compressed = raw.read(len(_GZIP)) == _GZIP
        with self.stream() as stream:
            self.start = stream.read(_SNIFFED_BYTES)
        if not self.start:
            raise ModelError("is empty")

    @contextmanager
    def stream(self) -> Iterator["ModelStream"]:
        """Yield the content from its beginning."""
        with self.path.open("rb") as raw:
            if not self.compressed:
                yield ModelStream(raw, raw, self._report)
                return
            with gzip.open(raw) as content:
                yield ModelStream(raw, content, self._report)

    @contextmanager
    def content(self) -> Iterator[IO[bytes]]:
        """Yield an open file of the content; that of a compressed file is a temporary one, without a name."""
        if not self.compressed:
            with self.path.open("rb") as file:
                yield file
            return
        with tempfile.TemporaryFile(prefix="scorepool-") as copy, self.stream() as stream:
            while chunk := stream.read(_COPY_BYTES):
                copy.write(chunk)
                stream.report()
            copy.flush()
            yield copy

    def _report(self, done: int) -> None:
        self._progress("vectors", done, self._size)


class ModelStream:
    """The content of a `ModelFile` from its beginning to its end."""

    def __init__(
        self, raw: IO[bytes], content: IO[bytes] | gzip.GzipFile, report: Callable[[int], None]
    ) -> None:
        """Read `content`; `raw` is the file itself, `report` is told the position in it."""
        self._raw = raw
        self._report = report
        self.read = content.read
        self.readline = content.readline

    def report(self) -> None:
        """Report how much of the file is read."""
        self._report(self._raw.tell())
