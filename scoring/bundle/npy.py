"""Arrays of floats as `.npy` files: written in blocks, mapped read-only; headers are compared, never parsed."""

import math
import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.rows import Vectors, row_blocks

FLOAT32 = np.dtype("<f4")
# Up to this magnitude, sums over millions of words and squares of their means are finite in float32. The numbers of
# real models are below 100.
MAX_MAGNITUDE = 1e8
# The length of the header that NumPy writes for one or two axes; the format demands a multiple of 64.
_HEADER_BYTES = 128


def encode_array(
    array: Vectors, order: NDArray[np.int64] | None = None, dtype: np.dtype[np.floating[Any]] = FLOAT32
) -> Iterator[bytes | memoryview]:
    """Yield the `.npy` file of `array`, or of `array[order]`, block by block, so no second copy of it is needed.

    Raises: ValueError at the first block with a number that is not finite or beyond ±MAX_MAGNITUDE, or that `dtype`
    cannot hold.
    """
    yield _header(array.shape, dtype)
    for rows in row_blocks(array):
        block = np.ascontiguousarray(array[rows] if order is None else array[order[rows]], dtype=FLOAT32)
        require_finite(block)
        if dtype != FLOAT32:
            block = _narrow(block, dtype)
        yield block.data.cast("B")


def require_finite(array: NDArray[np.float32]) -> None:
    """Raise ValueError when `array` holds NaN, or a number beyond ±MAX_MAGNITUDE."""
    if not (np.abs(array) <= MAX_MAGNITUDE).all():
        raise ValueError(f"holds numbers that are not finite or beyond ±{MAX_MAGNITUDE:.0e}")


def _narrow(block: NDArray[np.float32], dtype: np.dtype[np.floating[Any]]) -> NDArray[Any]:
    """Return `block` as `dtype`. Raises: ValueError when a number is too large for it."""
    largest = float(np.finfo(dtype).max)
    if (np.abs(block) > largest).any():
        raise ValueError(f"holds numbers beyond ±{largest:.0f}, the largest of {dtype.name}")
    return block.astype(dtype)


def map_array(
    descriptor: int, size: int, shape: tuple[int, ...], dtype: np.dtype[np.floating[Any]] = FLOAT32
) -> NDArray[Any]:
    """Return the `.npy` file behind an open descriptor, `size` bytes long, as a read-only array of `shape`.

    The pages are shared by all processes that map the file, and read when they are first touched.

    Raises: ValueError when the file's length or header is not, byte for byte, that of such an array.
    """
    count = math.prod(shape)
    needed = _HEADER_BYTES + count * dtype.itemsize
    if size != needed:
        raise ValueError(f"has {size} bytes, an array of {dtype.name} {shape} has {needed}")
    mapped = mmap.mmap(descriptor, size, prot=mmap.PROT_READ, flags=mmap.MAP_SHARED)
    if mapped[:_HEADER_BYTES] != _header(shape, dtype):
        raise ValueError(f"is not the array of {dtype.name} {shape} that the manifest says")
    return np.frombuffer(mapped, dtype=dtype, count=count, offset=_HEADER_BYTES).reshape(shape)


def _header(shape: tuple[int, ...], dtype: np.dtype[np.floating[Any]]) -> bytes:
    """Return the header of an array in C order, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.

    A reader compares a file's header with this one and does not parse it, so a crafted header has no effect.
    """
    description = f"{{'descr': {dtype.str!r}, 'fortran_order': False, 'shape': {shape}, }}"
    start = b"\x93NUMPY\x01\x00" + (_HEADER_BYTES - 10).to_bytes(2, "little")
    return start + description.encode().ljust(_HEADER_BYTES - 11) + b"\n"
