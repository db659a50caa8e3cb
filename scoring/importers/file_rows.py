"""Vectors as they lie in a file: read when they are asked for, checked once from the first to the last."""

import os
import tempfile
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.npy import MAX_MAGNITUDE
from scoring.bundle.rows import LazyRows, Vectors, row_blocks
from scoring.errors import ModelError
from scoring.progress import Progress, silent

# Linux reads at most 2 GiB at a time.
_LARGEST_READ = 1 << 30


class FileRows(LazyRows):
    """n rows of d float32 numbers, little-endian, one after another from the byte `offset` of an open file.

    Memory: the rows that are asked for; mapped pages would count as this process's memory. A row takes a system call,
    2 µs when the kernel has its page; rows that follow one another are read in one piece.
    """

    def __init__(self, descriptor: int, offset: int, shape: tuple[int, int]) -> None:
        """Read from a copy of `descriptor`, which may be closed."""
        super().__init__(*shape)
        self._descriptor = os.dup(descriptor)
        weakref.finalize(self, os.close, self._descriptor)
        self._offset = offset
        self._row_bytes = 4 * shape[1]

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Read rows."""
        numbers = np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else rows
        offsets = (self._offset + np.asarray(numbers, dtype=np.int64) * self._row_bytes).tolist()
        size = len(offsets) * self._row_bytes
        if offsets and size <= _LARGEST_READ and (np.diff(numbers) == 1).all():
            content = os.pread(self._descriptor, size, offsets[0])
        else:
            content = b"".join([os.pread(self._descriptor, self._row_bytes, offset) for offset in offsets])
        if len(content) != size:
            raise ModelError("was cut off while it was read")
        return np.frombuffer(content, dtype="<f4").reshape(len(offsets), self.shape[1])


def store_rows(rows: LazyRows, progress: Progress = silent) -> FileRows:
    """Compute all rows once and return them from a temporary file, which is gone when they are.

    `progress` is told rows, under the stage `compose`. Raises: OSError when there is no space for the file.
    """
    with tempfile.TemporaryFile(prefix="scorepool-") as file:
        for block in row_blocks(rows):
            file.write(np.ascontiguousarray(rows[block], dtype="<f4").data)
            progress("compose", block.stop, len(rows))
        file.flush()
        return FileRows(file.fileno(), 0, rows.shape)


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
