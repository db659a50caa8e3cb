"""The pairs of documents whose cosine reaches a threshold.

float32 products of blocks rule most pairs out; the cosines of the others are computed exactly, rounded, and then
compared with the threshold.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.similarity.block_products import BLOCK_ROWS, BlockProducts, product_error
from scoring.similarity.cosine import exact_cosines, round_cosines


@dataclass(frozen=True, slots=True)
class Pairs:
    """first (p,) and second (p,) int64 positions, first < second, sorted by both; similarity (p,) float32.

    truncated: more pairs reach the threshold than the limit allows. The most similar are kept; of equally
    similar ones, those with the lower first and then second position.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    similarity: NDArray[np.float32]
    truncated: bool


def find_pairs(
    units: NDArray[np.float32], threshold: float, *, limit: int, present: NDArray[np.bool_] | None = None
) -> Pairs:
    """Return the pairs of units (n, d), from `unit_vectors`, that reach a threshold, at most `limit` ≥ 1 of them.

    The exact cosine and the threshold are both rounded to float32 before they are compared, so a pair that is
    reported as 0.7 reaches 0.7. present (n,): False for documents without a vector, which are in no pair; None if
    all have one. Time O(n²·d), little more than half the matrix product in float32; memory O(n·d + limit) and one
    block.
    """
    docs = np.arange(len(units)) if present is None else np.flatnonzero(present)
    top = _TopPairs(threshold, limit)
    _compare_blocks(units[docs], top)
    positions, similarity = top.sorted()
    first, second = np.divmod(positions, max(1, len(docs)))
    return Pairs(docs[first], docs[second], similarity, top.truncated)


def _compare_blocks(units: NDArray[np.float32], top: "_TopPairs") -> None:
    """Add to `top` the pairs of units (n, d) that reach its floor; a pair's position is first · n + second."""
    n_docs = len(units)
    products = BlockProducts(BLOCK_ROWS)
    error = product_error(units.shape[1])
    starts = range(0, n_docs, BLOCK_ROWS)
    for upper in starts:
        for left in starts[upper // BLOCK_ROWS :]:
            rows, columns = units[upper : upper + BLOCK_ROWS], units[left : left + BLOCK_ROWS]
            cells = products.reaching(products.multiply(rows, columns), np.float32(top.floor - error))
            first, second = np.divmod(cells, len(columns))
            if upper == left:
                above = first < second
                first, second = first[above], second[above]
            cosines = _exact(rows, columns, first, second)
            top.add((first + upper) * n_docs + second + left, round_cosines(cosines))


def _exact(
    rows: NDArray[np.float32],
    columns: NDArray[np.float32],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the exact cosines of the cells (first, second) of a block; for many cells, from the whole product."""
    if len(first) > len(rows) * len(columns) // 8:
        wide: NDArray[np.float64] = (rows.astype(np.float64) @ columns.T.astype(np.float64))[first, second]
        return wide
    return exact_cosines(rows, columns, first, second)


class _TopPairs:
    """The `limit` most similar of the pairs added so far; ties go to the lower position.

    floor: the similarity, float32, that a pair must reach to be among them.
    """

    def __init__(self, threshold: float, limit: int) -> None:
        self.floor = np.float32(threshold)
        self.truncated = False
        self._limit = limit
        self._positions = [np.empty(0, np.int64)]
        self._similarities = [np.empty(0, np.float32)]
        self._count = 0
        self._last_position = np.iinfo(np.int64).max

    def add(self, positions: NDArray[np.int64], similarities: NDArray[np.float32]) -> None:
        """Add the pairs that reach the floor; above twice the limit, drop the least similar and raise the floor."""
        better = (similarities > self.floor) | (
            (similarities == self.floor) & (positions < self._last_position)
        )
        self._positions.append(positions[better])
        self._similarities.append(similarities[better])
        self._count += int(np.count_nonzero(better))
        if self._count > 2 * self._limit:
            self._prune()

    def _prune(self) -> None:
        """Keep the `limit` most similar; later pairs must exceed the last of these, or tie at a lower position."""
        positions, similarities = np.concatenate(self._positions), np.concatenate(self._similarities)
        self.floor = np.partition(similarities, -self._limit)[-self._limit]
        above = np.flatnonzero(similarities > self.floor)
        ties = np.flatnonzero(similarities == self.floor)
        ties = ties[np.argsort(positions[ties])[: self._limit - len(above)]]
        kept = np.concatenate((above, ties))
        self._positions, self._similarities = [positions[kept]], [similarities[kept]]
        self._count, self._last_position, self.truncated = self._limit, int(positions[ties[-1]]), True

    def sorted(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the positions, ascending, and the similarities of the pairs kept."""
        if self._count > self._limit:
            self._prune()
        positions, similarities = np.concatenate(self._positions), np.concatenate(self._similarities)
        order = np.argsort(positions)
        return positions[order], similarities[order]
