"""Vectors as they lie in a file: mapped, copied when they are asked for, checked once from the first to the last."""

import mmap
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.npy import MAX_MAGNITUDE
from scoring.bundle.rows import LazyRows, Vectors, row_blocks
from scoring.errors import ModelError
from scoring.progress import Progress, silent

# After so many rows were taken, the pages of the file are unmapped: the kernel keeps them while there is memory, but
# this process does not hold them. Each row can map 16 pages, so this bounds what is held to 256 MB.
_ROWS_HELD = 1 << 12


class MappedRows(LazyRows):
    """n rows of d float32 numbers, little-endian, one after another from `offset` of mapped memory, at any alignment.

    Memory: the rows that are asked for. With `hold` the pages that were read stay mapped, which is quicker when
    rows are asked for again and again.
    """

    def __init__(self, data: mmap.mmap, offset: int, shape: tuple[int, int], *, hold: bool = False) -> None:
        super().__init__(*shape)
        rows, dimensions = shape
        self._data = data
        self._offset = offset
        self._hold = hold
        self._taken = 0
        # A row is one opaque item: copying it needs no alignment.
        self._rows = np.frombuffer(data, dtype=f"V{4 * dimensions}", count=rows, offset=offset)

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Copy rows from the file."""
        copied = self._rows[rows].copy() if isinstance(rows, slice) else self._rows[rows]
        self._taken += len(copied)
        if self._taken > _ROWS_HELD and not self._hold:
            self.release()
        return copied.view("<f4").reshape(len(copied), self.shape[1])

    def release(self) -> None:
        """Unmap the pages that were read; they are read again when they are asked for."""
        self._taken = 0
        start = -(-self._offset // mmap.PAGESIZE) * mmap.PAGESIZE
        length = self._offset + self._rows.nbytes - start
        if length > 0:
            self._data.madvise(mmap.MADV_DONTNEED, start, length)


def check_rows(rows: Vectors, describe: Callable[[int], str], progress: Progress = silent) -> None:
    """Raise ModelError for the first row with a number that is not finite, or too large for a bundle.

    `describe` says what the row of a number is. `progress` is told rows, under the stage `check`.
    """
    for block in row_blocks(rows):
        sound = (np.abs(rows[block]) <= MAX_MAGNITUDE).all(axis=1)
        if not sound.all():
            row = block.start + int(np.argmin(sound))
            raise ModelError(
                f"{describe(row)} holds NaN, or a number that is infinite or beyond ±{MAX_MAGNITUDE:.0e}"
            )
        progress("check", block.stop, len(rows))
