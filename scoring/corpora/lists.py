"""The lists of the most similar documents so far, of a block of documents, and what they let by."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.similarity.neighbours import find_neighbours

# Below every cosine: the bound of a list that is not full.
NO_BOUND = np.float32(-2)


class Hits(NamedTuple):
    """Documents that may belong into lists: rows (h,) of a block, positions (h,) in the corpus, similarities (h,).

    No document occurs twice for one row, nor is it in the row's list already.
    """

    rows: NDArray[np.int64]
    positions: NDArray[np.int64]
    similarities: NDArray[np.float32]

    @classmethod
    def concatenate(cls, parts: list["Hits"]) -> "Hits":
        """Return the hits of any number of parts."""
        if not parts:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def best(self, m: int) -> "Hits":
        """Return the m best of each row: sorted by row, similarity from the highest, position."""
        order = _order(_keys(self.rows, self.similarities), self.positions)
        rows = self.rows[order]
        kept = order[_ranks(rows) < m]
        return Hits(self.rows[kept], self.positions[kept], self.similarities[kept])


@dataclass(frozen=True, slots=True)
class Lists:
    """positions (b, m) int64 and similarities (b, m) float32 as in `Neighbours`: −1 and 0 where there are fewer.

    Similarities are exact and rounded to float32, highest first, ties by position.
    """

    positions: NDArray[np.int64]
    similarities: NDArray[np.float32]

    @classmethod
    def empty(cls, documents: int, m: int) -> "Lists":
        """Return lists without entries."""
        return cls(np.full((documents, m), -1), np.zeros((documents, m), np.float32))

    def bounds(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the last similarity and position (b,) each of full lists: only what is better can get in."""
        last = self.positions[:, -1]
        return np.where(last >= 0, self.similarities[:, -1], NO_BOUND), np.where(
            last >= 0, last, np.iinfo(np.int64).max
        )

    def shortened(self, m: int) -> "Lists":
        """Return the first m of each list."""
        return Lists(self.positions[:, :m], self.similarities[:, :m])

    def merged(self, hits: Hits) -> "Lists":
        """Return the lists of the best of both. Time O(h·log h + b·m)."""
        m = self.positions.shape[1]
        is_touched = np.zeros(len(self.positions), np.bool_)
        is_touched[hits.rows] = True
        touched = np.flatnonzero(is_touched)
        listed_rows, listed_columns = np.nonzero(self.positions[touched] >= 0)
        rows = touched[listed_rows]
        listed = Hits(rows, self.positions[rows, listed_columns], self.similarities[rows, listed_columns])
        best = Hits.concatenate([listed, hits]).best(m)
        ranks = _ranks(best.rows)
        positions, similarities = self.positions.copy(), self.similarities.copy()
        positions[best.rows, ranks], similarities[best.rows, ranks] = best.positions, best.similarities
        return Lists(positions, similarities)


def lists_within(units: NDArray[np.float32], positions: NDArray[np.int64], m: int) -> Lists:
    """Return the lists of a block of documents, units (b, d), with each other; positions (b,) ascend."""
    found = find_neighbours(units, m)
    return Lists(
        np.where(found.indices >= 0, positions.take(found.indices, mode="clip"), -1), found.similarities
    )


def _keys(rows: NDArray[np.int64], similarities: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return numbers that sort by row, then from the highest similarity, −1 to 1, to the lowest."""
    # The bits of positive float32 numbers ascend with them; those of a negative one are its magnitude's and a sign.
    bits = (similarities + np.float32(0)).view(np.int32).astype(np.int64)
    ascending = np.where(bits >= 0, bits, -(bits & 0x7FFFFFFF))
    return (rows << 33) - ascending


def _order(keys: NDArray[np.int64], positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the order by key, then by position.

    Hardly any keys are equal, and a sort by both takes several times as long.
    """
    order = np.argsort(keys)
    ordered = keys[order]
    equal = np.flatnonzero(ordered[1:] == ordered[:-1])
    if len(equal):
        tied = np.union1d(equal, equal + 1)
        some = order[tied]
        order[tied] = some[np.lexsort((positions[some], keys[some]))]
    return order


def _ranks(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position of each within its run of equal rows."""
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    counts = np.diff(np.append(starts, len(rows)))
    return np.arange(len(rows)) - np.repeat(starts, counts)
