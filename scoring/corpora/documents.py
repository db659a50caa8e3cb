"""The documents of a corpus on disk: their texts in parts, their names by position.

    texts/                       a record a part: a few hundred documents, or about half a megabyte of text
    names-<g>, names-<g>.ends    the names of generation g, one after another, and where each ends (n,) uint64

A corpus that was added to another holds the names of both: generation 0 are those of the first.
"""

import os
from collections.abc import Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from scoring.corpora.records import Records, StepOutput, pack, sync

#: A part has at most so many documents, and ends with the document that reaches so many bytes of text: embedding it
#: takes at most about 20 ms.
PART_DOCUMENTS = 256
PART_BYTES = 1 << 19

_TEXTS = "texts"
_ENDS = np.dtype("<u8")


class Written(NamedTuple):
    """What a writer wrote. text_bytes: of UTF-8."""

    documents: int
    parts: int
    text_bytes: int


class DocumentsWriter:
    """Writes the documents of a corpus, once, in their order; memory is one part.

    with DocumentsWriter(folder) as writer:
        for name, text in documents:
            writer.add(name, text)
    written = writer.written
    """

    def __init__(self, folder: Path, *, first: int = 0, first_part: int = 0, generation: int = 0) -> None:
        """Begin in `folder`, which is made.

        Where the corpus is to be compared with another, first and first_part are the numbers of documents and parts
        of that `Base`, and generation is one more than its; otherwise all are 0.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._texts = folder, Records(folder / _TEXTS)
        self._first, self._part = first, first_part
        self.written = Written(0, 0, 0)
        self._pending: list[bytes] = []
        self._pending_bytes = self._names_bytes = 0
        self._outputs: set[StepOutput] = set()
        self._names_path = folder / f"names-{generation}"
        self._names, self._ends = self._names_path.open("wb"), _ends_of(self._names_path).open("wb")

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        """Write what is left and sync it, unless the block raised."""
        try:
            if kind is None:
                self._flush_part()
                self._sync()
        finally:
            self._names.close()
            self._ends.close()

    def add(self, name: str | None, text: str) -> None:
        """Add a document; without a name, or with an empty one, its position is its name.

        Raises: OSError, when the disk is full.
        """
        documents, parts, text_bytes = self.written
        encoded = text.encode()
        named = (name or str(self._first + documents)).encode()
        self._names_bytes += self._names.write(named)
        self._ends.write(self._names_bytes.to_bytes(8, "little"))
        self._pending.append(encoded)
        self._pending_bytes += len(encoded)
        self.written = Written(documents + 1, parts, text_bytes + len(encoded))
        if len(self._pending) == PART_DOCUMENTS or self._pending_bytes >= PART_BYTES:
            self._flush_part()

    def _flush_part(self) -> None:
        if not self._pending:
            return
        documents, parts, text_bytes = self.written
        first = self._first + documents - len(self._pending)
        ends = np.cumsum([len(text) for text in self._pending])
        blob = np.frombuffer(b"".join(self._pending), np.uint8)
        payload = pack({"first": np.array([first]), "ends": ends, "texts": blob})
        self._outputs.add(self._texts.append(0, self._part, payload)._replace(offset=0, length=0))
        self._part += 1
        self._pending, self._pending_bytes = [], 0
        self.written = Written(documents, parts + 1, text_bytes)

    def _sync(self) -> None:
        for file in (self._names, self._ends):
            file.flush()
            os.fsync(file.fileno())
        sync(self._folder, self._outputs)


def read_texts(folder: Path, part: int) -> tuple[int, list[str]]:
    """Return the position of a part's first document and the texts of all. Raises: CorpusError."""
    arrays = Records(folder / _TEXTS).arrays(part)
    blob, ends = arrays["texts"].tobytes(), arrays["ends"].tolist()
    starts = [0, *ends[:-1]]
    return int(arrays["first"][0]), [
        blob[start:end].decode() for start, end in zip(starts, ends, strict=True)
    ]


class Names:
    """The names of a corpus's documents, by position; read when they are asked for."""

    def __init__(self, *folders: Path) -> None:
        """Find the names of all generations in some folders."""
        found = [path for folder in folders for path in folder.glob("names-*[0-9]")]
        paths = sorted(found, key=lambda path: int(path.name.removeprefix("names-")))
        self._paths = paths
        sizes = [_ends_of(path).stat().st_size // _ENDS.itemsize for path in paths]
        self._starts = np.cumsum([0, *sizes])

    def __len__(self) -> int:
        """Return the number of documents."""
        return int(self._starts[-1])

    def look_up(self, positions: NDArray[np.int64]) -> dict[int, str]:
        """Return the names of some positions, in any order, repeated or not."""
        found: dict[int, str] = {}
        wanted = np.unique(positions)
        bounds = np.searchsorted(wanted, self._starts)
        for number, path in enumerate(self._paths):
            some = wanted[bounds[number] : bounds[number + 1]]
            if len(some):
                found.update(zip(some.tolist(), _read_names(path, some - self._starts[number]), strict=True))
        return found


def _read_names(path: Path, rows: NDArray[np.int64]) -> Sequence[str]:
    """Return the names in the ascending `rows` of one generation; only pages that are touched become resident."""
    ends = np.memmap(_ends_of(path), _ENDS, "r")
    starts = np.where(rows > 0, ends[rows - 1], 0)
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as names:
        return [
            names[start:end].decode() for start, end in zip(starts.tolist(), ends[rows].tolist(), strict=True)
        ]


def discard_texts(folder: Path) -> None:
    """Remove the texts; the names stay."""
    path = folder / _TEXTS
    for file in path.glob("*"):
        file.unlink(missing_ok=True)
    if path.exists():
        path.rmdir()


def link_names(source: Path, target: Path) -> None:
    """Have the names of a finished corpus in another folder too, without copying them."""
    for path in source.glob("names-*"):
        link = target / path.name
        if not link.exists():
            os.link(path, link)


def _ends_of(path: Path) -> Path:
    return path.with_name(path.name + ".ends")
