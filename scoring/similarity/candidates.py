"""Which documents may be among the m nearest of each, found in one pass over half the matrix of similarities.

1. The documents are halved again and again, each time between two far ends, into groups that are alike.
2. Within its own group a document finds a lower bound of its m-th best similarity: its threshold.
3. Each pair of groups is multiplied once, for both sides. What reaches neither side's threshold, nearly
   everything, is dropped by two comparisons; the rest are candidates. The nearest groups come first, and
   now and then only each document's best candidates are kept and its threshold raised.

Products are float32 and off by up to `product_error`; candidates that close to the m-th best are kept, so
that the exact m best are always among them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.similarity.block_products import BlockProducts, product_error

# The largest group. Groups are halved until they are no larger, so they have 320 to 640 documents; two of
# them have products of 0.4 to 1.6 MB. Smaller ones bound worse and need more calls, larger ones leave the
# cache.
_GROUP_DOCS = 640
#: A document's group must hold its m neighbours twice over.
MAX_NEIGHBOURS = _GROUP_DOCS // 4

# A candidate is one int64, so that sorting is one plain sort: 20 bits row, 23 bits rank, 20 bits column.
# The rank falls as the similarity rises, one step for 2⁻²⁰.
_ID_BITS, _RANK_BITS = 20, 23
_ROW_SHIFT = _ID_BITS + _RANK_BITS
#: More documents do not fit a candidate's bits.
MAX_DOCS = 1 << _ID_BITS
_STEP = 2.0**-20
# A similarity computed in float32 can exceed 1 a little; ranks count from here so that none is negative.
_TOP = 1.0625
# Beyond 2·m and these, the candidates of one document are a crowd.
_CROWD = 64


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs (rows[c], columns[c]) int64, sorted by row and then column.

    A row that occurs at all occurs with each of its m nearest documents, ties for the last place included.
    One that does not has too many documents within rounding of its m-th best, such as many copies of one
    text.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]


def find_candidates(units: NDArray[np.float32], m: int) -> Candidates:
    """Return the candidates for the m nearest documents of each of units (n, d), without the document itself.

    1 ≤ m ≤ MAX_NEIGHBOURS and 2·MAX_NEIGHBOURS ≤ n ≤ MAX_DOCS. Time O(n²·d); memory O(n·(m + d)) and one
    block.
    """
    groups = _halved(units)
    sieve = _Sieve(units, groups, m)
    # Halving makes a binary tree, and leaves whose numbers differ in low bits only are its closest relatives:
    # step 0 compares each group with itself, 1 with its sibling, 2 and 3 with its cousins.
    for step in range(len(groups)):
        for group in range(len(groups)):
            if group <= group ^ step:
                sieve.compare(group, group ^ step)
    return sieve.candidates()


def _halved(units: NDArray[np.float32]) -> list[NDArray[np.int64]]:
    """Return the documents in 2^t groups whose sizes differ by at most one, siblings side by side."""
    groups = [np.arange(len(units))]
    while max(map(len, groups)) > _GROUP_DOCS:
        groups = [half for group in groups for half in _halves(units, group)]
    return groups


def _halves(
    units: NDArray[np.float32], docs: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split docs at the median of their projections on the line between two that are far apart."""
    vectors = units[docs]
    one_end = vectors[np.argmin(vectors @ vectors[0])]
    other_end = vectors[np.argmin(vectors @ one_end)]
    middle = len(docs) // 2
    order = docs[np.argpartition(vectors @ (other_end - one_end), middle)]
    return order[:middle], order[middle:]


class _Sieve:
    """Candidates and thresholds of n documents; inside, a document's number is its place in the groups."""

    def __init__(self, units: NDArray[np.float32], groups: list[NDArray[np.int64]], m: int) -> None:
        self._m = m
        self._docs = np.concatenate(groups)
        self._units = units[self._docs]
        ends = np.cumsum([len(group) for group in groups]).tolist()
        self._groups = [slice(end - len(group), end) for end, group in zip(ends, groups, strict=True)]
        self._products = BlockProducts(max(map(len, groups)))
        self._error = product_error(units.shape[1])
        self._thresholds = np.full(len(units), -np.inf, np.float32)
        self._keys: list[NDArray[np.int64]] = []
        self._added = 0

    def compare(self, group: int, other: int) -> None:
        """Add what reaches a threshold between two groups, or within one."""
        rows, columns = self._groups[group], self._groups[other]
        products = self._products.multiply(self._units[rows], self._units[columns])
        if group == other:
            np.fill_diagonal(products, -2)
            self._thresholds[rows] = _lower_bounds(products, self._m) - 2 * self._error
        cells = self._products.reaching(products, self._thresholds[rows, None])
        left, right = np.divmod(cells, products.shape[1])
        self._add(left + rows.start, right + columns.start, products.ravel()[cells])
        if group != other:
            cells = self._products.reaching(products, self._thresholds[columns])
            left, right = np.divmod(cells, products.shape[1])
            self._add(right + columns.start, left + rows.start, products.ravel()[cells])
        # About as many as are kept: each is sorted a few times at most, and memory stays bounded.
        if self._added > 2 * len(self._docs) * self._m:
            self._thin()

    def _add(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64], similarities: NDArray[np.float32]
    ) -> None:
        ranks = ((_TOP - similarities) / np.float32(_STEP)).astype(np.int64)
        self._keys.append((rows << _ROW_SHIFT) | (ranks << _ID_BITS) | columns)
        self._added += len(rows)

    def _thin(self) -> None:
        """Keep each document's m best candidates and those within rounding of them; raise its threshold."""
        keys = np.concatenate(self._keys)
        keys.sort()
        rows = keys >> _ROW_SHIFT
        ranks = (keys >> _ID_BITS) & ((1 << _RANK_BITS) - 1)
        counts = np.bincount(rows, minlength=len(self._docs))
        known = np.flatnonzero(counts >= self._m)
        limits = np.full(len(self._docs), 1 << _RANK_BITS)
        # Both similarities may be wrong by the error, and both ranks by one.
        slack = int(np.ceil(2 * self._error / _STEP)) + 2
        limits[known] = ranks[np.cumsum(counts)[known] - counts[known] + self._m - 1] + slack
        self._thresholds[known] = _TOP - (limits[known] + 1) * _STEP
        kept = ranks <= limits[rows]
        self._keys = [self._without_crowds(keys[kept], rows[kept])]
        self._added = 0

    def _without_crowds(self, keys: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give up the documents that have a crowd at their m-th best; nothing reaches them any more."""
        congested = np.bincount(rows, minlength=len(self._docs)) > 2 * self._m + _CROWD
        self._thresholds[congested] = np.inf
        return keys[~congested[rows]] if congested.any() else keys

    def candidates(self) -> Candidates:
        """Return what is left, in the documents' own numbers."""
        self._thin()
        rows, columns = self._docs[self._keys[0] >> _ROW_SHIFT], self._docs[self._keys[0] & (MAX_DOCS - 1)]
        pairs = np.sort((rows << _ID_BITS) | columns)
        return Candidates(pairs >> _ID_BITS, pairs & (MAX_DOCS - 1))


def _lower_bounds(products: NDArray[np.float32], m: int) -> NDArray[np.float32]:
    """Return (p,) values, each reached by at least m products of its row of (p, q).

    The columns are dealt into 4·m slots or a few more. The m-th largest of the slots' maxima is such a value,
    close to the m-th largest of all and much quicker to find.
    """
    rows, columns = products.shape
    deals = max(1, columns // (4 * m))
    slots = columns // deals
    maxima = products[:, : deals * slots].reshape(rows, deals, slots).max(axis=1)
    bounds: NDArray[np.float32] = np.partition(maxima, slots - m, axis=1)[:, slots - m]
    return bounds
