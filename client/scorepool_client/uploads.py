"""A corpus that is sent: a file as it is, or documents that are written to a temporary file first.

Either can be sent again from its beginning, and takes no memory. httpx is told its size.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, cast

from scorepool_client.request import AnyDocument, Document, encode_document

NDJSON = "application/x-ndjson"

# What a file's name says, after the ending of its compression.
_MEDIA_TYPES = {
    ".jsonl": NDJSON,
    ".ndjson": NDJSON,
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".cor": "text/plain",
}
_ENCODINGS = {".gz": "gzip", ".zst": "zstd"}

_CHUNK_BYTES = 256 * 1024

# Called with the bytes so far and of all, None where that is not known.
OnBytes = Callable[[int, int | None], object]


class Upload:
    """An open file to be sent; headers: what is said of it. It is closed by `with`."""

    def __init__(self, file: BinaryIO, media_type: str, content_encoding: str | None = None) -> None:
        """Take a file from its beginning to its end as it is now."""
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        described = {"Content-Type": media_type, "Content-Length": str(self._size)}
        if content_encoding is not None:
            described["Content-Encoding"] = content_encoding
        self.headers: Mapping[str, str] = described
        self.on_progress: OnBytes | None = None

    def __enter__(self) -> "Upload":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes, from the beginning each time. Raises: OSError; EOFError when the file was cut meanwhile."""
        self._file.seek(0)
        left = self._size
        while left:
            chunk = self._file.read(min(left, _CHUNK_BYTES))
            if not chunk:
                raise EOFError("the file became shorter while it was sent")
            left -= len(chunk)
            yield chunk
            if self.on_progress is not None:
                self.on_progress(self._size - left, self._size)


def open_file(path: Path, media_type: str | None = None) -> Upload:
    """Open a file of documents. Its name says what it is: `.jsonl`, `.csv`, `.tsv`, `.txt`, each with `.gz` or `.zst`.

    media_type: in place of what the name says, as with a charset: `text/csv; charset=utf-16`.

    Raises: OSError; ValueError for a name that does not say what it is.
    """
    encoding = _ENCODINGS.get(path.suffix.lower())
    inner = path if encoding is None else path.with_suffix("")
    known = media_type or _MEDIA_TYPES.get(inner.suffix.lower())
    if known is None:
        raise ValueError(f"corpus: {path} is no {', '.join(_MEDIA_TYPES)} (.gz, .zst); say its media_type")
    return Upload(path.open("rb"), known, encoding)


class Spool:
    """Takes documents one by one into a temporary file; memory is one of them."""

    def __init__(self) -> None:
        self._file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - the upload closes it

    def add(self, document: AnyDocument) -> None:
        """Take one document."""
        with_id = document if isinstance(document, Document) else Document(document)
        self._file.write(encode_document(with_id) + b"\n")

    def finish(self) -> Upload:
        """Return what was taken."""
        self._file.flush()
        return Upload(self._file, NDJSON)

    def discard(self) -> None:
        """Remove what was taken."""
        self._file.close()
