"""The m most similar documents of each, exactly: the choice between all of them, batches and candidates."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.similarity.batched import find_batched_neighbours
from scoring.similarity.candidates import MAX_CANDIDATE_NEIGHBOURS, MAX_DOCS, Candidates, find_candidates
from scoring.similarity.cosine import BLOCK_CELLS, exact_cosines, round_cosines

# Segments of up to this many documents are computed together (`batched`): eight segments of 32 documents then
# take half the time, of 48 documents no less than one by one.
_SMALL_DOCS = 32
# With up to this many documents, all exact cosines take no longer than finding candidates first.
_FEW_DOCS = 400


@dataclass(frozen=True, slots=True)
class Neighbours:
    """indices (n, m) int64 and similarities (n, m) float32, highest first, ties by position, the lower first.

    The similarities as they are reported, rounded to float32, decide what is a tie.
    A document is never its own neighbour. Where fewer than m others exist, the rest of a row is −1 and 0.
    """

    indices: NDArray[np.int64]
    similarities: NDArray[np.float32]


class Segment(NamedTuple):
    """The documents from `start` to before `stop`, and how many neighbours `m` ≥ 1 to find for each in there."""

    start: int
    stop: int
    m: int


def find_neighbours(
    units: NDArray[np.float32], m: int, *, present: NDArray[np.bool_] | None = None
) -> Neighbours:
    """Return the m ≥ 1 nearest documents of each by exact cosine; units (n, d) from `unit_vectors`.

    present (n,): False for documents without a vector, which have no neighbours and are no neighbours; None if
    all have one. Time
    O(n²·d), about twice that of half the matrix product in float32; ten times as long where most documents are
    copies of each other or m is over MAX_CANDIDATE_NEIGHBOURS. Memory O(n·(m + d)) and one block.
    """
    (found,) = find_neighbours_within(units, [Segment(0, len(units), m)], present=present)
    return found


def find_neighbours_within(
    units: NDArray[np.float32], segments: Sequence[Segment], *, present: NDArray[np.bool_] | None = None
) -> list[Neighbours]:
    """Return the neighbours within each segment of the documents units (N, d); indices count from its `start`.

    present (N,) as in `find_neighbours`. Small segments are computed together, which is much quicker than one
    by one; the results are the same.
    """
    found: dict[int, Neighbours] = {}
    small: defaultdict[int, list[int]] = defaultdict(list)
    for number, (start, stop, m) in enumerate(segments):
        if 0 < stop - start <= _SMALL_DOCS:
            # Segments whose sizes have the same number of binary digits: padding at most doubles one.
            small[(stop - start).bit_length()].append(number)
        else:
            docs = slice(start, stop)
            found[number] = _find_within_one(units[docs], m, None if present is None else present[docs])
    for numbers in small.values():
        some = _find_batched(units, [segments[number] for number in numbers], present)
        found.update(zip(numbers, some, strict=True))
    return [found[number] for number in range(len(segments))]


def _find_batched(
    units: NDArray[np.float32], segments: Sequence[Segment], present: NDArray[np.bool_] | None
) -> list[Neighbours]:
    starts, stops, counts = np.array(segments).T
    indices, similarities = find_batched_neighbours(units, starts, stops - starts, int(counts.max()), present)
    parts = [(number, slice(stop - start), slice(m)) for number, (start, stop, m) in enumerate(segments)]
    return [Neighbours(indices[part], similarities[part]) for part in parts]


def _find_within_one(units: NDArray[np.float32], m: int, present: NDArray[np.bool_] | None) -> Neighbours:
    docs = np.arange(len(units)) if present is None else np.flatnonzero(present)
    found = Neighbours(np.full((len(units), m), -1), np.zeros((len(units), m), np.float32))
    width = min(m, len(docs) - 1)
    if width > 0:
        indices, similarities = _nearest(units[docs], width)
        found.indices[docs, :width] = docs[indices]
        found.similarities[docs, :width] = similarities
    return found


def _nearest(units: NDArray[np.float32], m: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return positions and similarities (n, m) of the nearest, for 1 ≤ m < n and no absent documents."""
    n_docs = len(units)
    if n_docs <= _FEW_DOCS or n_docs > MAX_DOCS or m > MAX_CANDIDATE_NEIGHBOURS:
        return _nearest_of_all(units, np.arange(n_docs), m)
    indices, similarities = _nearest_candidates(units, find_candidates(units, m), m)
    undecided = np.flatnonzero(indices[:, 0] < 0)
    if len(undecided):
        indices[undecided], similarities[undecided] = _nearest_of_all(units, undecided, m)
    return indices, similarities


def _nearest_candidates(
    units: NDArray[np.float32], found: Candidates, m: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the m nearest candidates of each document, and −1 for documents without candidates."""
    counts = np.bincount(found.rows, minlength=len(units))
    positions = np.arange(len(found.rows)) - (np.cumsum(counts) - counts)[found.rows]
    columns = np.full((len(units), max(m, counts.max())), -1)
    columns[found.rows, positions] = found.columns
    negated = np.full(columns.shape, np.inf, np.float32)
    negated[found.rows, positions] = -round_cosines(exact_cosines(units, units, found.rows, found.columns))
    order = np.argsort(negated, axis=1, kind="stable")[:, :m]
    return np.take_along_axis(columns, order, axis=1), -np.take_along_axis(negated, order, axis=1)


def _nearest_of_all(
    units: NDArray[np.float32], rows: NDArray[np.int64], m: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the m nearest of all documents, for the documents `rows` only."""
    indices, similarities = np.empty((len(rows), m), np.int64), np.empty((len(rows), m), np.float32)
    wide = units.astype(np.float64)
    step = max(1, BLOCK_CELLS // len(units))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        # Of a matrix and its own transpose BLAS computes one half.
        left = wide if len(rows[part]) == len(wide) else wide[rows[part]]
        block = round_cosines(left @ wide.T)
        block[np.arange(len(block)), rows[part]] = -2
        indices[part], similarities[part] = _largest(block, m)
    return indices, similarities


def _largest(block: NDArray[np.float32], m: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the columns and values of each row's m largest, highest first, ties by column."""
    rows, width = block.shape
    smallest = np.partition(block, width - m, axis=1)[:, width - m, None]
    chosen = block >= smallest
    if np.count_nonzero(chosen) > rows * m:
        above = block > smallest
        room = m - above.sum(axis=1, keepdims=True)
        chosen = above | (chosen & (np.cumsum(chosen & ~above, axis=1) <= room))
    columns = (np.flatnonzero(chosen) % width).reshape(rows, m)
    negated = -np.take_along_axis(block, columns, axis=1)
    order = np.argsort(negated, axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1), -np.take_along_axis(negated, order, axis=1)
