"""Vectors that need not be in memory: arrays, or rows that a file holds or a function computes when they are asked for.

A bundle is written from either, block by block, so a model that is larger than the memory can become one.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Rows are read, checked and written in blocks of about this size.
BLOCK_BYTES = 4 << 20


class LazyRows(ABC):
    """n vectors of d float32 numbers; indexing reads or computes some, `np.asarray` all of them.

    block_bytes: how many bytes of rows are best asked for at a time. computed: whether they are computed, and should
    be stored where they are asked for more than once.
    """

    block_bytes = BLOCK_BYTES
    computed = False

    def __init__(self, rows: int, dimensions: int) -> None:
        self.shape = (rows, dimensions)

    def __len__(self) -> int:
        """Return n."""
        return self.shape[0]

    @abstractmethod
    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Return rows, which may be read-only; `rows` is a slice, or an array of row numbers, whose order they have."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.float32]:
        """Return all rows; it takes 4·n·d bytes."""
        return self[:] if dtype is None else self[:].astype(dtype, copy=bool(copy))


class SelectedRows(LazyRows):
    """Some rows (m,) of `source`, by their numbers."""

    def __init__(self, source: "Vectors", rows: NDArray[np.int64]) -> None:
        super().__init__(len(rows), source.shape[1])
        self._source = source
        if isinstance(source, LazyRows):
            self.block_bytes, self.computed = source.block_bytes, source.computed
        self._rows = rows

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Return rows of the selection."""
        return np.asarray(self._source[self._rows[rows]], dtype=np.float32)


#: (n, d), of float32, or of float16 in a bundle that was written so.
Vectors = NDArray[np.floating[Any]] | LazyRows


def row_blocks(vectors: Vectors) -> Iterator[slice]:
    """Yield slices of `vectors` of about `BLOCK_BYTES`, or what they ask for; at least a row each."""
    row_bytes = max(1, 4 * int(np.prod(vectors.shape[1:])))
    block_bytes = vectors.block_bytes if isinstance(vectors, LazyRows) else BLOCK_BYTES
    rows = max(1, block_bytes // row_bytes)
    for start in range(0, len(vectors), rows):
        yield slice(start, min(start + rows, len(vectors)))
