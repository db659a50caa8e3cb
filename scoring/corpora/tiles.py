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
    return tile.hits()


def pairs_within(block: Block, floor: float) -> PairHits:
    """Return the pairs of documents of one block whose rounded cosine is at least `floor`."""
    found = find_pairs(block.units, floor, limit=max(1, len(block.units) ** 2))
    return PairHits(block.positions[found.first], block.positions[found.second], found.similarity)


class _Tile:
    """The comparison of two blocks: product by product, then at once for all cells that were chosen."""

    def __init__(self, rows: Block, columns: Block, m: int, floor: float | None) -> None:
        self._rows, self._columns, self._m = rows, columns, m
        self._floor = None if floor is None else np.float32(floor)
        dimensions = rows.units.shape[1]
        self._error = np.float32(product_error(dimensions))
        self._row_thresholds = _Thresholds.of(rows, m)
        self._column_thresholds = _Thresholds.of(columns, m)
        self._products = BlockProducts(BLOCK_ROWS)
        # Rows and columns; of blocks without documents there is no product.
        none = np.empty(0, np.int64)
        self._cells: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = [(none, none)]

    def compare(self, top: int, left: int) -> None:
        """Choose from up to BLOCK_ROWS rows from `top` on and as many columns from `left` on."""
        rows, columns = (
            block.units[start : start + BLOCK_ROWS]
            for block, start in ((self._rows, top), (self._columns, left))
        )
        products = self._products.multiply(rows, columns)
        thresholds: list[NDArray[np.float32] | np.float32] = []
        if self._row_thresholds is not None:
            thresholds.append(self._row_thresholds.part(top, products)[:, None])
        if self._column_thresholds is not None:
            thresholds.append(self._column_thresholds.part(left, products.T))
        if self._floor is not None:
            thresholds.append(self._floor - self._error)
        row, column = np.divmod(self._products.reaching(products, *thresholds), len(columns))
        self._cells.append((row + top, column + left))

    def hits(self) -> TileHits:
        """Return what the cells chosen so far are."""
        nothing = Hits.concatenate([])
        rows, columns, m = self._rows, self._columns, self._m
        cells = [np.concatenate(part) for part in zip(*self._cells, strict=True)]
        chosen = _choose(rows.units, columns.units, *cells)
        return TileHits(
            nothing if rows.bounds is None else _improving(rows, columns, chosen, m),
            nothing if columns.bounds is None else _improving(columns, rows, chosen.transposed(), m),
            PairHits.concatenate([])
            if self._floor is None
            else _reaching(rows, columns, chosen, self._floor),
        )


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """What a product must reach to matter for the lists of a block: values (b,), free where a list is not full."""

    values: NDArray[np.float32]
    free: NDArray[np.bool_] | None
    m: int
    # By how much the product of one of the m nearest can be below the m-th largest product.
    slack: np.float32

    @classmethod
    def of(cls, block: Block, m: int) -> "_Thresholds | None":
        """Return those of a block, None where its lists are not wanted."""
        if block.bounds is None:
            return None
        dimensions = block.units.shape[1]
        free = block.bounds == NO_BOUND
        slack = np.float32(2 * product_error(dimensions) + rounding_width(dimensions))
        error = np.float32(product_error(dimensions))
        return cls(block.bounds - error, free if free.any() else None, m, slack)

    def part(self, start: int, products: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return those of the rows of products (p, q), which begin at `start`."""
        values = self.values[start : start + len(products)]
        if self.free is None or products.shape[1] <= self.m:
            return values
        free = np.flatnonzero(self.free[start : start + len(products)])
        if len(free):
            values = values.copy()
            values[free] = lower_bounds(products[free], self.m) - self.slack
        return values


class _Chosen(NamedTuple):
    """Cells (c,) of a product: their rows and columns in it, and their exact cosines as they are reported."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    cosines: NDArray[np.float32]

    def transposed(self) -> "_Chosen":
        return _Chosen(self.columns, self.rows, self.cosines)


def _choose(
    rows: NDArray[np.float32],
    columns: NDArray[np.float32],
    at_rows: NDArray[np.int64],
    at_columns: NDArray[np.int64],
) -> _Chosen:
    """Return cells (c,) of the product of two blocks, (p, d) and (q, d), with their cosines."""
    if len(at_rows) > _DENSE * len(rows) * len(columns):
        wide = (rows.astype(np.float64) @ columns.T.astype(np.float64))[at_rows, at_columns]
    else:
        wide = exact_cosines(rows, columns, at_rows, at_columns)
    return _Chosen(at_rows, at_columns, round_cosines(wide))


def _improving(block: Block, others: Block, chosen: _Chosen, m: int) -> Hits:
    """Return which of the cells get into the lists of a block's rows."""
    assert block.bounds is not None
    assert block.last is not None
    rows, columns, cosines = chosen
    positions, bounds = others.positions[columns], block.bounds[rows]
    better = (cosines > bounds) | ((cosines == bounds) & (positions < block.last[rows]))
    hits = Hits(rows[better], positions[better], cosines[better])
    # Where there are so many that it saves something, the m best of each row.
    return hits.best(m) if len(hits.rows) > m * len(block.units) else hits


def _reaching(rows: Block, columns: Block, chosen: _Chosen, floor: np.float32) -> PairHits:
    reached = chosen.cosines >= floor
    one, other = rows.positions[chosen.rows[reached]], columns.positions[chosen.columns[reached]]
    return PairHits(np.minimum(one, other), np.maximum(one, other), chosen.cosines[reached])
