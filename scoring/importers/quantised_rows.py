"""Quantised matrices of fastText's `.ftz` files: each row is a few bytes, decoded when it is asked for.

A row of d numbers is cut into subvectors of `width` numbers. For each subvector the file holds 256 centroids and, in
every row, one byte that says which of them it is: a product quantiser (Jégou, Douze, Schmid 2011, "Product
quantization for nearest neighbor search"). Where norms are quantised apart, rows have unit length and one more byte
each says which of 256 norms to multiply with.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.rows import LazyRows

#: Centroids of each subvector.
CENTROIDS = 256


@dataclass(frozen=True, slots=True)
class ProductQuantiser:
    """The centroids of the subvectors: `whole` (s, 256, width), and `last` (256, ≤ width) for the last one."""

    whole: NDArray[np.float32]
    last: NDArray[np.float32]

    def decode(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the vectors (n, d) of `codes` (n, s + 1)."""
        subvectors = self.whole[np.arange(len(self.whole)), codes[:, :-1]].reshape(len(codes), -1)
        return np.hstack([subvectors, self.last[codes[:, -1]]])


class QuantisedRows(LazyRows):
    """n rows of d float32 numbers from their codes (n, s + 1), scaled by `norms` (n,) where those are given."""

    def __init__(
        self,
        quantiser: ProductQuantiser,
        codes: NDArray[np.uint8],
        norms: NDArray[np.float32] | None,
        dimensions: int,
    ) -> None:
        super().__init__(len(codes), dimensions)
        self._quantiser = quantiser
        self._codes = codes
        self._norms = norms

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Decode rows."""
        decoded = self._quantiser.decode(self._codes[rows])
        return decoded if self._norms is None else decoded * self._norms[rows, None]
