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
from typing import Literal

import numpy as np

from scoring.corpora.corpus import Corpus
from scoring.corpora.records import Place, Records, read_at
from scoring.errors import CorpusError

ResultKind = Literal["documents", "pairs", "vectors"]

_PIECE_BYTES = 1 << 20


class ResultFile:
    """A file that is made of a head and parts of other files. digest: equal for equal content; for an ETag."""

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


def result_file(folder: Path, kind: ResultKind = "documents") -> ResultFile:
    """Return a result of a finished corpus. Raises: CorpusError when it has none of that kind."""
    corpus = Corpus(folder)
    plan = corpus.plan
    if kind == "vectors":
        return _result(_npy_head(corpus), corpus.records("embed"), "doc_vectors", plan.answered_parts)
    if kind == "pairs" and plan.options.pairs_from is None:
        raise CorpusError(f"{folder}: keeps no pairs; ask for similarity pairs or duplicates")
    return _result(b"", corpus.records("result"), kind, range(len(plan.answered_parts)))


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
