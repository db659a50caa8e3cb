"""The results of a finished corpus as files that are read by ranges; nothing is copied together.

documents   one JSON line a document, as in `/score`
pairs       one JSON line a pair, {"a", "b", "similarity"}
vectors     the document vectors (n, d) float32 as an `.npy` file
"""

import hashlib
import io
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from scoring.corpora.corpus import Corpus
from scoring.corpora.records import Place, Records, read_at
from scoring.errors import CorpusError

ResultKind = Literal["documents", "pairs", "vectors"]

_PIECE_BYTES = 1 << 20


class ResultFile:
    """A file that is made of a head and parts of other files. digest: of its content, for an ETag."""

    def __init__(self, head: bytes, places: list[Place], digest: str) -> None:
        self._head, self._places = head, places
        self._ends = list(accumulate((place.length for place in places), initial=len(head)))
        self.size = self._ends[-1]
        self.digest = digest

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes [start, stop), in pieces of a megabyte at most. It reads files: not for an event loop."""
        stop = min(stop, self.size)
        if start < len(self._head):
            yield self._head[start:stop]
            start = len(self._head)
        while start < stop:
            number = bisect_right(self._ends, start) - 1
            place = self._places[number]
            length = min(_PIECE_BYTES, stop - start, self._ends[number + 1] - start)
            yield read_at(place.path, place.offset + start - self._ends[number], length)
            start += length


def result_file(folder: Path, kind: ResultKind = "documents", answer: str = "") -> ResultFile:
    """Return a result of a finished corpus; answer: of other groups (`regroup.answer_name`), documents only.

    It reads a header of each part: not for an event loop. Raises: CorpusError when there is none of that kind.
    """
    corpus = Corpus(folder)
    plan = corpus.plan
    if kind == "vectors":
        return _result(_npy_head(corpus), corpus.records("embed"), "doc_vectors", plan.answered_parts)
    if kind == "pairs" and plan.options.pairs_from is None:
        raise CorpusError(f"{folder}: it keeps no pairs; ask for similarity pairs or duplicates")
    return _result(b"", Records(folder / answer / "result"), kind, range(len(plan.answered_parts)))


class Summary(msgspec.Struct, frozen=True):
    """What was found in all. Pairs and duplicates are None where they were not asked for.

    pairs: how many there are of at least the threshold; pairs_kept: how many of them are in the result, which are all
    of at least pairs_kept_from. groups: of two documents and more; duplicates: documents in them that are not the
    representative. new: documents that are like none of the corpus they were compared with.
    """

    documents: int
    pairs: int | None = None
    pairs_kept: int | None = None
    pairs_kept_from: float | None = None
    groups: int | None = None
    duplicates: int | None = None
    new: int | None = None


def summary(folder: Path) -> Summary:
    """Return what was found in a finished corpus. It reads files: not for an event loop. Raises: CorpusError."""
    corpus = Corpus(folder)
    plan, options = corpus.plan, corpus.plan.options
    found: dict[str, Any] = {"documents": plan.documents + (plan.first_document if options.append else 0)}
    if options.pairs_from is not None:
        total, bounds, kept_from = corpus.records("pairs").select(0, "total", "bounds", "kept_from")
        # As cosines are written: the shortest decimal of a float32.
        least = float(str(np.float32(kept_from[0])))
        found |= {"pairs": int(total[0]), "pairs_kept": int(bounds[-1]), "pairs_kept_from": least}
    if options.duplicates is not None:
        representative, size = corpus.records("groups").select(0, "representative", "size")
        firsts = np.unique(representative[size > 1])
        found |= {"groups": len(firsts), "duplicates": int(np.count_nonzero(size > 1)) - len(firsts)}
    if options.new is not None:
        found["new"] = int(np.count_nonzero(~corpus.records("pairs").select(0, "seen")[0]))
    return Summary(**found)


def _result(head: bytes, records: Records, name: str, steps: range) -> ResultFile:
    digest = hashlib.sha256(head)
    places = []
    for step in steps:
        places.append(records.array_place(step, name))
        digest.update(records.checksum(step))
    return ResultFile(head, [place for place in places if place.length], digest.hexdigest())


def _npy_head(corpus: Corpus) -> bytes:
    plan = corpus.plan
    first = 0 if plan.options.append else plan.first_document
    file = io.BytesIO()
    shape = (plan.first_document + plan.documents - first, plan.dimensions)
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue()
