"""The results of a finished corpus as files that are read by ranges; nothing is copied together.

documents   one JSON line a document, as in `/score`
pairs       one JSON line a pair, {"a", "b", "similarity"}
vectors     the document vectors (n, d) float32 as an `.npy` file
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from scoring.corpora.records import Place

ResultKind = Literal["documents", "pairs", "vectors"]


class ResultFile(NamedTuple):
    """A file that is made of a head and parts of other files. digest: equal for equal content; for an ETag."""

    head: bytes
    places: list[Place]
    digest: str

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.head) + sum(place.length for place in self.places)

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes [start, stop), in pieces of a megabyte at most. It reads files: not for an event loop."""
        raise NotImplementedError


def result_file(folder: Path, kind: ResultKind = "documents") -> ResultFile:
    """Return a result of a finished corpus. Raises: CorpusError when it has none of that kind."""
    raise NotImplementedError
