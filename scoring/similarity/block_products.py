"""float32 products of blocks of unit vectors: quick, with a bounded error.

They choose which cosines are computed exactly (`scoring.similarity.cosine.exact_cosines`); none is in a result.
"""

import numpy as np
from numpy.typing import NDArray

#: Rows of a block: 512 × 512 float32 are 1 MB, about one core's second-level cache. 300 to 700 are as quick.
BLOCK_ROWS = 512


def product_error(dimensions: int) -> float:
    """Return the most by which a float32 dot product of two unit vectors (d,) can differ from the exact one.

    d products and sums, in any order, lose at most d·2⁻²⁴ of the sum of magnitudes (Higham 2002,
    "Accuracy and Stability of Numerical Algorithms", section 3.1), which is at most 1 for unit vectors. Two
    more units of 2⁻²⁴ cover the rounding of the vectors' lengths and of the value that the product is compared
    with. Its weakness: it is the worst case, d·2⁻²⁴, where √d·2⁻²⁴ is usual.
    """
    return (dimensions + 2) * 2.0**-24


class BlockProducts:
    """Dot products of two blocks of at most `rows` unit vectors each, in buffers that are allocated once."""

    def __init__(self, rows: int) -> None:
        self._products = np.empty(rows * rows, np.float32)
        self._masks = np.empty((2, rows * rows), np.bool_)

    def multiply(self, left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return left (p, d) times right (q, d) transposed: (p, q) float32, overwritten by the next call."""
        products = self._products[: len(left) * len(right)].reshape(len(left), len(right))
        return np.dot(left, right.T, out=products)

    def reaching(
        self, products: NDArray[np.float32], *thresholds: NDArray[np.float32] | np.float32
    ) -> NDArray[np.int64]:
        """Return the flat positions, ascending, at which products (p, q) are ≥ any of thresholds, which broadcast.

        Quick where hardly any are: NumPy then skips false values of the mask a machine word at a time.
        """
        mask, other = (buffer[: products.size].reshape(products.shape) for buffer in self._masks)
        np.greater_equal(products, thresholds[0], out=mask)
        for threshold in thresholds[1:]:
            np.logical_or(mask, np.greater_equal(products, threshold, out=other), out=mask)
        return np.flatnonzero(mask)
