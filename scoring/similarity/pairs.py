"""All pairs of documents whose cosine reaches a threshold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.similarity.block_products import BLOCK_ROWS, BlockProducts, product_error
from scoring.similarity.cosine import exact_cosines, round_cosines


@dataclass(frozen=True, slots=True)
class Pairs:
    """first (p,) and second (p,) int64 positions, first < second, sorted by both; similarity (p,) float32.

    truncated: there are more than the limit. The most similar are kept, and of equally similar ones those
    first by position.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    similarity: NDArray[np.float32]
    truncated: bool


def find_pairs(
    units: NDArray[np.float32], threshold: float, *, limit: int, present: NDArray[np.bool_] | None = None
) -> Pairs:
    """Return the pairs of units (n, d), from `unit_vectors`, that reach a threshold; at most limit ≥ 1.

    The similarity is the exact cosine rounded to float32, and the threshold it is compared with is rounded
    likewise: what is reported as 0.7 reaches 0.7. present (n,): documents without a vector are False and in
    no pair. Time O(n²·d), little more than the half-matrix float32 product; memory O(n·d + limit) and one
    block.
    """
    docs = np.arange(len(units)) if present is None else np.flatnonzero(present)
    best = _Best(threshold, limit)
    _compare_all(units[docs], best)
    positions, similarity = best.sorted()
    first, second = np.divmod(positions, max(1, len(docs)))
    return Pairs(docs[first], docs[second], similarity, best.truncated)


def _compare_all(units: NDArray[np.float32], best: "_Best") -> None:
    n_docs = len(units)
    products = BlockProducts(BLOCK_ROWS)
    error = product_error(units.shape[1])
    starts = range(0, n_docs, BLOCK_ROWS)
    for top in starts:
        for left in starts[top // BLOCK_ROWS :]:
            rows, columns = units[top : top + BLOCK_ROWS], units[left : left + BLOCK_ROWS]
            cells = products.reaching(products.multiply(rows, columns), np.float32(best.floor - error))
            first, second = np.divmod(cells, len(columns))
            if top == left:
                above = first < second
                first, second = first[above], second[above]
            cosines = _exact(rows, columns, first, second)
            best.add((first + top) * n_docs + second + left, round_cosines(cosines))


def _exact(
    rows: NDArray[np.float32],
    columns: NDArray[np.float32],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the exact cosines of the chosen cells of a block."""
    if len(first) > len(rows) * len(columns) // 8:
        wide: NDArray[np.float64] = (rows.astype(np.float64) @ columns.T.astype(np.float64))[first, second]
        return wide
    return exact_cosines(rows, columns, first, second)


class _Best:
    """The `limit` most similar of the pairs added; ties go to the lower position."""

    def __init__(self, threshold: float, limit: int) -> None:
        self.floor = np.float32(threshold)
        self.truncated = False
        self._limit = limit
        self._positions = [np.empty(0, np.int64)]
        self._similarities = [np.empty(0, np.float32)]
        self._count = 0
        self._last = np.iinfo(np.int64).max

    def add(self, positions: NDArray[np.int64], similarities: NDArray[np.float32]) -> None:
        """Add pairs that reach the floor, and raise it when there are twice as many as wanted."""
        better = (similarities > self.floor) | ((similarities == self.floor) & (positions < self._last))
        self._positions.append(positions[better])
        self._similarities.append(similarities[better])
        self._count += int(np.count_nonzero(better))
        if self._count > 2 * self._limit:
            self._cut()

    def _cut(self) -> None:
        positions, similarities = np.concatenate(self._positions), np.concatenate(self._similarities)
        self.floor = np.partition(similarities, -self._limit)[-self._limit]
        above = np.flatnonzero(similarities > self.floor)
        ties = np.flatnonzero(similarities == self.floor)
        ties = ties[np.argsort(positions[ties])[: self._limit - len(above)]]
        kept = np.concatenate((above, ties))
        self._positions, self._similarities = [positions[kept]], [similarities[kept]]
        self._count, self._last, self.truncated = self._limit, int(positions[ties[-1]]), True

    def sorted(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return positions, ascending, and similarities of what is kept."""
        if self._count > self._limit:
            self._cut()
        positions, similarities = np.concatenate(self._positions), np.concatenate(self._similarities)
        order = np.argsort(positions)
        return positions[order], similarities[order]
