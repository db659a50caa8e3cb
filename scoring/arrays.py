"""float32 matrices as `.npy` files: written in blocks, mapped read-only, never unpickled."""

import math
import mmap
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

FLOAT32 = np.dtype("<f4")
# Sums over millions of words, and squares of their means, stay finite in float32. Real models are below 100.
LARGEST = 1e8
# Rows are copied, checked and hashed in blocks of about this size, so that writing needs no second copy of a
# model.
_BLOCK_BYTES = 4 << 20
# A header that numpy writes for two axes has 118 bytes; a longer one is not ours, and parsing it costs time.
_MAX_HEADER = 1024


def encode_array(
    array: NDArray[np.float32], order: NDArray[np.int64] | None = None
) -> Iterator[bytes | memoryview]:
    """Yield the `.npy` file of `array`, or of `array[order]`, block by block.

    Raises: ValueError at the first block with a number that is not finite or beyond ±LARGEST.
    """
    header = BytesIO()
    npy.write_array_header_1_0(header, {"descr": FLOAT32.str, "fortran_order": False, "shape": array.shape})
    yield header.getvalue()
    rows_per_block = max(1, _BLOCK_BYTES // (FLOAT32.itemsize * math.prod(array.shape[1:])))
    for start in range(0, len(array), rows_per_block):
        rows = slice(start, start + rows_per_block)
        block = np.ascontiguousarray(array[rows] if order is None else array[order[rows]], dtype=FLOAT32)
        require_finite(block)
        yield block.data.cast("B")


def require_finite(array: NDArray[np.float32]) -> None:
    """Raise ValueError when `array` holds NaN, or a number beyond ±LARGEST."""
    if not (np.abs(array) <= LARGEST).all():
        raise ValueError(f"holds numbers that are not finite or beyond ±{LARGEST:.0e}")


def map_array(descriptor: int, size: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the `.npy` file behind an open descriptor, `size` bytes long, as a read-only array of `shape`.

    The pages are shared by all processes that map the file, and read when they are first touched.

    Raises: ValueError when the file is no float32 array of that shape in C order, or shorter or longer than
    it must be.
    """
    if size == 0:
        raise ValueError("is empty")
    mapped = mmap.mmap(descriptor, size, prot=mmap.PROT_READ, flags=mmap.MAP_SHARED)
    header = BytesIO(mapped[:_MAX_HEADER])
    found = _read_header(header)
    if found != (shape, False, FLOAT32):
        raise ValueError(f"holds {found[2]} {found[0]}, the manifest says float32 {shape}")
    count = math.prod(shape)
    if size != header.tell() + count * FLOAT32.itemsize:
        raise ValueError(f"has {size} bytes, its array needs {header.tell() + count * FLOAT32.itemsize}")
    return np.frombuffer(mapped, dtype=FLOAT32, count=count, offset=header.tell()).reshape(shape)


def _read_header(header: BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        npy.read_magic(header)
        return npy.read_array_header_1_0(header, max_header_size=_MAX_HEADER)
    except ValueError as error:
        raise ValueError("is no .npy file") from error
