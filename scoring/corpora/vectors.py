"""The document vectors of a corpus, which lie in the records of its parts: read part by part, or by position."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from scoring.corpora.corpus import Corpus
from scoring.corpora.records import Place, rows_at

_FLOAT_BYTES = 4


def embedded_parts(corpus: Corpus) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.bool_]]]:
    """Yield the first position, the vectors and which are present of each new part."""
    plan, records = corpus.plan, corpus.records("embed")
    for part in range(plan.first_part, plan.first_part + plan.parts):
        first, vectors, present = records.select(part, "first", "doc_vectors", "present")
        yield int(first[0]), vectors, present


def vector_places(corpus: Corpus) -> list[Place]:
    """Return where the vectors (k, d) of each new part are."""
    plan, records = corpus.plan, corpus.records("embed")
    parts = range(plan.first_part, plan.first_part + plan.parts)
    return [records.array_place(part, "doc_vectors") for part in parts]


def read_vectors(corpus: Corpus, positions: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the vectors (b, d) of new documents at `positions` (b,), which ascend.

    Pages of the files are mapped, not read: rows of a whole corpus for a block are a few in each part. Memory is what
    is returned, and the pages that are touched until it is.
    """
    firsts, segments, offsets = corpus.records("arrange").select(
        0, "part_firsts", "part_segments", "part_offsets"
    )
    row_bytes = _FLOAT_BYTES * corpus.plan.dimensions
    parts = np.searchsorted(firsts, positions, side="right") - 1
    at = offsets[parts] + (positions - firsts[parts]) * row_bytes
    rows = np.empty(len(positions), f"V{row_bytes}")
    for segment in np.unique(segments[parts]).tolist():
        here = segments[parts] == segment
        rows[here] = rows_at(corpus.folder / "embed" / f"{segment}.records", at[here], row_bytes)
    return rows.view(np.float32).reshape(len(positions), corpus.plan.dimensions)
