"""Tiles: two blocks of documents compared with each other, on arrays alone.

float32 products choose the cells that can matter, their cosines are computed exactly, and only what improves a list
or reaches the pairs' floor comes out. So what comes out does not depend on how documents are cut into blocks.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.corpora.lists import NO_BOUND, Hits, Lists
from scoring.similarity.block_products import BLOCK_ROWS, BlockProducts, product_error
from scoring.similarity.candidates import lower_bounds
from scoring.similarity.cosine import exact_cosines, round_cosines, rounding_width
from scoring.similarity.pairs import find_pairs

# Above this share of a product's cells, all cosines are computed exactly by one float64 product: it takes two or three
# times as long as the float32 one, and an exact cosine on its own as long as 15 cells of it.
_DENSE = 1 / 16


@dataclass(frozen=True, slots=True)
class Block:
    """Documents of one block: units (b, d) float32 from `unit_vectors`, positions (b,) int64, ascending.

    bounds, last (b,): of their lists so far (`Lists.bounds`). None where this side's lists are not wanted.
    """

    units: NDArray[np.float32]
    positions: NDArray[np.int64]
    bounds: NDArray[np.float32] | None = None
    last: NDArray[np.int64] | None = None

    def with_lists(self, lists: Lists) -> "Block":
        """Return the block with the bounds of its lists so far."""
        return Block(self.units, self.positions, *lists.bounds())

    def part(self, start: int) -> "Block":
        """Return up to BLOCK_ROWS documents from `start` on, without copying."""
        rows = slice(start, start + BLOCK_ROWS)
        return Block(
            self.units[rows],
            self.positions[rows],
            None if self.bounds is None else self.bounds[rows],
            None if self.last is None else self.last[rows],
        )


class PairHits(NamedTuple):
    """Pairs that reach a floor: first (p,) < second (p,) positions, similarity (p,) float32."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    similarity: NDArray[np.float32]

    @classmethod
    def concatenate(cls, parts: list["PairHits"]) -> "PairHits":
        """Return the pairs of any number of parts."""
        if not parts:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


@dataclass(frozen=True, slots=True)
class TileHits:
    """What one tile found: for the lists of the rows and of the columns, and pairs."""

    rows: Hits
    columns: Hits
    pairs: PairHits


def compare(rows: Block, columns: Block, m: int, floor: float | None = None) -> TileHits:
    """Compare every document of one block with every one of another: time O(b²·d), memory O(b·(d + m)) and a block.

    Hits are those that can be among the m best of each row, of each column, at most m each; pairs are those whose
    rounded cosine is at least `floor`, none without one.
    """
    tile = _Tile(rows, columns, m, floor)
    for top in range(0, len(rows.units), BLOCK_ROWS):
        for left in range(0, len(columns.units), BLOCK_ROWS):
            tile.compare(top, left)
    return TileHits(
        _limited(tile.row_hits, m, len(rows.units)),
        _limited(tile.column_hits, m, len(columns.units)),
        PairHits.concatenate(tile.pairs),
    )


def pairs_within(block: Block, floor: float) -> PairHits:
    """Return the pairs of documents of one block whose rounded cosine is at least `floor`."""
    found = find_pairs(block.units, floor, limit=max(1, len(block.units) ** 2))
    return PairHits(block.positions[found.first], block.positions[found.second], found.similarity)


class _Tile:
    """The comparison of two blocks, product by product."""

    def __init__(self, rows: Block, columns: Block, m: int, floor: float | None) -> None:
        self._rows, self._columns, self._m = rows, columns, m
        self._floor = None if floor is None else np.float32(floor)
        dimensions = rows.units.shape[1]
        self._error = np.float32(product_error(dimensions))
        # By how much the product of one of the m nearest can be below the m-th largest product.
        self._slack = np.float32(2 * product_error(dimensions) + rounding_width(dimensions))
        self._products = BlockProducts(BLOCK_ROWS)
        self.row_hits: list[Hits] = []
        self.column_hits: list[Hits] = []
        self.pairs: list[PairHits] = []

    def compare(self, top: int, left: int) -> None:
        """Compare up to BLOCK_ROWS rows from `top` on with as many columns from `left` on."""
        rows, columns = self._rows.part(top), self._columns.part(left)
        products = self._products.multiply(rows.units, columns.units)
        thresholds: list[NDArray[np.float32] | np.float32] = []
        if rows.bounds is not None:
            thresholds.append(self._thresholds(rows, products)[:, None])
        if columns.bounds is not None:
            thresholds.append(self._thresholds(columns, products.T))
        if self._floor is not None:
            thresholds.append(self._floor - self._error)
        chosen = _choose(rows.units, columns.units, self._products.reaching(products, *thresholds))
        if rows.bounds is not None:
            self.row_hits.append(_improving(rows, columns, chosen, top))
        if columns.bounds is not None:
            self.column_hits.append(_improving(columns, rows, chosen.transposed(), left))
        if self._floor is not None:
            self.pairs.append(_reaching(rows, columns, chosen, self._floor))

    def _thresholds(self, block: Block, products: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what a product (b, q) must reach to matter for the lists of its row."""
        assert block.bounds is not None
        thresholds = block.bounds - self._error
        free = np.flatnonzero(block.bounds == NO_BOUND)
        if len(free) and products.shape[1] > self._m:
            thresholds[free] = lower_bounds(products[free], self._m) - self._slack
        return thresholds


class _Chosen(NamedTuple):
    """Cells (c,) of a product: their rows and columns in it, and their exact cosines as they are reported."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    cosines: NDArray[np.float32]

    def transposed(self) -> "_Chosen":
        return _Chosen(self.columns, self.rows, self.cosines)


def _choose(rows: NDArray[np.float32], columns: NDArray[np.float32], cells: NDArray[np.int64]) -> _Chosen:
    """Return the cells at flat positions in the product of two blocks, (p, d) and (q, d)."""
    at = np.divmod(cells, len(columns))
    if len(cells) > _DENSE * len(rows) * len(columns):
        wide = rows.astype(np.float64) @ columns.T.astype(np.float64)
        return _Chosen(*at, round_cosines(wide.ravel()[cells]))
    return _Chosen(*at, round_cosines(exact_cosines(rows, columns, *at)))


def _improving(block: Block, others: Block, chosen: _Chosen, start: int) -> Hits:
    """Return which of the cells get into the lists of a block's rows, which count from `start`."""
    assert block.bounds is not None
    assert block.last is not None
    rows, columns, cosines = chosen
    positions, bounds = others.positions[columns], block.bounds[rows]
    better = (cosines > bounds) | ((cosines == bounds) & (positions < block.last[rows]))
    return Hits(rows[better] + start, positions[better], cosines[better])


def _reaching(rows: Block, columns: Block, chosen: _Chosen, floor: np.float32) -> PairHits:
    reached = chosen.cosines >= floor
    one, other = rows.positions[chosen.rows[reached]], columns.positions[chosen.columns[reached]]
    return PairHits(np.minimum(one, other), np.maximum(one, other), chosen.cosines[reached])


def _limited(parts: list[Hits], m: int, documents: int) -> Hits:
    """Return the hits, only the m best of each row where there are so many that it saves something."""
    hits = Hits.concatenate(parts)
    return hits.best(m) if len(hits.rows) > m * documents else hits
