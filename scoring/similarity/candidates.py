"""Which documents can be among the m nearest of each, found in one pass over half the matrix of similarities.

1. A binary tree splits the documents into leaves of similar ones: each node is halved along the line between two
   of its documents that are far apart.
2. Within its own leaf each document gets a lower bound of its m-th highest similarity, its threshold.
3. Each pair of leaves is multiplied once, for the documents of both. A product that reaches the threshold of one
   of its two documents makes the other a candidate of that document; hardly any does. Leaves that are close in
   the tree come first. When there are too many candidates, only the best of each document are kept, and its
   threshold is raised.

Products are float32 and differ from the exact cosines by up to `product_error`; cosines that differ by up to
`rounding_width` are reported as equal, and then the lower position is nearer. Candidates that are within both of
the m-th best are kept too, so the m nearest are always among the candidates.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.similarity.block_products import BlockProducts, product_error
from scoring.similarity.cosine import rounding_width

# Nodes are halved until they are no larger, so a leaf has 320 to 640 documents and the products of two leaves take
# 0.4 to 1.6 MB. Smaller leaves give lower thresholds and need more calls; products of larger ones leave the cache.
_MAX_LEAF_DOCS = 640
#: The most neighbours: a leaf, at least half the maximum in size, must hold m neighbours twice over.
MAX_CANDIDATE_NEIGHBOURS = _MAX_LEAF_DOCS // 4

# A candidate is one int64, so that candidates are sorted as plain numbers: 20 bits row, 23 bits rank, 20 bits
# column. The rank is (_TOP − similarity) / _STEP: the most similar candidate of a row comes first.
_ID_BITS, _RANK_BITS = 20, 23
_ROW_SHIFT = _ID_BITS + _RANK_BITS
#: The most documents whose positions fit into these bits.
MAX_DOCS = 1 << _ID_BITS
_STEP = 2.0**-20
# A float32 product can exceed 1 slightly; ranks count from a value above, so that none is negative.
_TOP = 1.0625
# A document with more than 2·m + this many candidates after pruning has too many ties: it is left out, and all its
# cosines are computed exactly.
_MAX_TIES = 64


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs (rows[c], columns[c]) int64, sorted by row and then column.

    A row that occurs is paired with each of its m nearest documents, ties for the last place included. A row
    that does not occur has too many documents within rounding of its m-th nearest, such as copies of one text.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]


def find_candidates(units: NDArray[np.float32], m: int) -> Candidates:
    """Return the candidates for the m nearest documents of each of units (n, d); no document is its own candidate.

    1 ≤ m ≤ MAX_CANDIDATE_NEIGHBOURS and 2·MAX_CANDIDATE_NEIGHBOURS ≤ n ≤ MAX_DOCS. Time O(n²·d); memory
    O(n·(m + d)) and one block.
    """
    leaves = _split_into_leaves(units)
    search = _CandidateSearch(units, leaves, m)
    # Leaves whose numbers differ in low bits only are close in the tree: step 0 compares each leaf with itself,
    # 1 with its sibling, 2 and 3 with its cousins.
    for step in range(len(leaves)):
        for leaf in range(len(leaves)):
            if leaf <= leaf ^ step:
                search.compare(leaf, leaf ^ step)
    return search.candidates()


def _split_into_leaves(units: NDArray[np.float32]) -> list[NDArray[np.int64]]:
    """Return the documents in 2^t leaves whose sizes differ by at most one, siblings side by side."""
    nodes = [np.arange(len(units))]
    while max(map(len, nodes)) > _MAX_LEAF_DOCS:
        nodes = [half for node in nodes for half in _halve(units, node)]
    return nodes


def _halve(
    units: NDArray[np.float32], docs: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split a node's documents at the median of their projections on the line between two that are far apart."""
    vectors = units[docs]
    one_end = vectors[np.argmin(vectors @ vectors[0])]
    other_end = vectors[np.argmin(vectors @ one_end)]
    middle = len(docs) // 2
    order = docs[np.argpartition(vectors @ (other_end - one_end), middle)]
    return order[:middle], order[middle:]


class _CandidateSearch:
    """The candidates and thresholds of n documents, which are numbered by leaf here; `_docs` are their positions."""

    def __init__(self, units: NDArray[np.float32], leaves: list[NDArray[np.int64]], m: int) -> None:
        self._m = m
        self._docs = np.concatenate(leaves)
        self._units = units[self._docs]
        ends = np.cumsum([len(leaf) for leaf in leaves]).tolist()
        self._leaves = [slice(end - len(leaf), end) for end, leaf in zip(ends, leaves, strict=True)]
        self._products = BlockProducts(max(map(len, leaves)))
        # By how much the product of one of the m nearest can be below the m-th largest product.
        self._slack = 2 * product_error(units.shape[1]) + rounding_width(units.shape[1])
        self._thresholds = np.full(len(units), -np.inf, np.float32)
        self._keys: list[NDArray[np.int64]] = []
        self._added = 0

    def compare(self, leaf: int, other: int) -> None:
        """Add the candidates between two leaves, or within one."""
        rows, columns = self._leaves[leaf], self._leaves[other]
        products = self._products.multiply(self._units[rows], self._units[columns])
        if leaf == other:
            np.fill_diagonal(products, -2)
            self._thresholds[rows] = lower_bounds(products, self._m) - self._slack
        cells = self._products.reaching(products, self._thresholds[rows, None])
        left, right = np.divmod(cells, products.shape[1])
        self._add(left + rows.start, right + columns.start, products.ravel()[cells])
        if leaf != other:
            cells = self._products.reaching(products, self._thresholds[columns])
            left, right = np.divmod(cells, products.shape[1])
            self._add(right + columns.start, left + rows.start, products.ravel()[cells])
        # Pruning keeps about n·m candidates: each is sorted a few times at most, and memory stays bounded.
        if self._added > 2 * len(self._docs) * self._m:
            self._prune()

    def _add(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64], similarities: NDArray[np.float32]
    ) -> None:
        ranks = ((_TOP - similarities) / np.float32(_STEP)).astype(np.int64)
        self._keys.append((rows << _ROW_SHIFT) | (ranks << _ID_BITS) | columns)
        self._added += len(rows)

    def _prune(self) -> None:
        """Keep each document's m best candidates and those within rounding of the m-th; raise its threshold."""
        keys = np.concatenate(self._keys)
        keys.sort()
        rows = keys >> _ROW_SHIFT
        ranks = (keys >> _ID_BITS) & ((1 << _RANK_BITS) - 1)
        counts = np.bincount(rows, minlength=len(self._docs))
        bounded = np.flatnonzero(counts >= self._m)
        limits = np.full(len(self._docs), 1 << _RANK_BITS)
        # Each of the two ranks may be off by one.
        slack = int(np.ceil(self._slack / _STEP)) + 2
        limits[bounded] = ranks[np.cumsum(counts)[bounded] - counts[bounded] + self._m - 1] + slack
        self._thresholds[bounded] = _TOP - (limits[bounded] + 1) * _STEP
        kept = ranks <= limits[rows]
        self._keys = [self._without_ties(keys[kept], rows[kept])]
        self._added = 0

    def _without_ties(self, keys: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Drop the candidates of documents that have too many ties at their m-th best, and add none from now on."""
        tied = np.bincount(rows, minlength=len(self._docs)) > 2 * self._m + _MAX_TIES
        self._thresholds[tied] = np.inf
        return keys[~tied[rows]] if tied.any() else keys

    def candidates(self) -> Candidates:
        """Return the candidates, as positions of documents."""
        self._prune()
        rows, columns = self._docs[self._keys[0] >> _ROW_SHIFT], self._docs[self._keys[0] & (MAX_DOCS - 1)]
        pairs = np.sort((rows << _ID_BITS) | columns)
        return Candidates(pairs >> _ID_BITS, pairs & (MAX_DOCS - 1))


def lower_bounds(products: NDArray[np.float32], m: int) -> NDArray[np.float32]:
    """Return (p,) values, each reached by at least m of the products in its row of (p, q).

    The columns are divided into 4·m slots or a few more. At least m products reach the m-th largest of the slots'
    maxima; it is close to the m-th largest product and much quicker to find.
    """
    rows, columns = products.shape
    slot_size = max(1, columns // (4 * m))
    slots = columns // slot_size
    maxima = products[:, : slot_size * slots].reshape(rows, slot_size, slots).max(axis=1)
    bounds: NDArray[np.float32] = np.partition(maxima, slots - m, axis=1)[:, slots - m]
    return bounds
