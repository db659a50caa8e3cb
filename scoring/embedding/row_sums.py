"""Weighted sums of rows of vectors: one sparse product where the vectors are float32 in memory or mapped.

Vectors that are stored as float16, or that are read from a model's file, are taken row by row first, as float32.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from scoring.bundle.rows import LazyRows, Vectors

# Rows that are taken at a time: 10 MB at 300 dimensions, a worker's memory for a moment.
_ROWS_PER_STEP = 1 << 13
# The bits that are left of a float16 whose sign was copied to all bits before it.
_SIGN_AND_NUMBER = np.int32(-0x70000001)
_EXPONENTS_APART = np.float32(2.0**112)


def sum_rows(
    vectors: Vectors, rows: NDArray[np.int32], weights: NDArray[np.float32], bounds: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return weighted sums (n, d) of `vectors` (V, d): sum i has the `rows` (m,) from bounds[i] to bounds[i + 1].

    A sum runs over its own rows in their order, so it has the same bits whatever else is summed with it.
    """
    if not isinstance(vectors, LazyRows) and vectors.dtype == np.float32:
        return _product(vectors, rows, weights, bounds)
    sums = np.empty((len(bounds) - 1, vectors.shape[1]), dtype=np.float32)
    for some in _steps(bounds):
        entries = slice(bounds[some.start], bounds[some.stop])
        distinct, positions = np.unique(rows[entries], return_inverse=True)
        taken = widen(vectors[distinct])
        own_bounds = bounds[some.start : some.stop + 1] - entries.start
        sums[some] = _product(taken, positions.astype(np.int32), weights[entries], own_bounds)
    return sums


def widen(array: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return finite float16 numbers as float32, exactly, in half the time of `astype`; float32 as it is.

    The bits of a float16, moved to where float32 has exponent and fraction, are the number times 2⁻¹¹².
    """
    if array.dtype != np.float16:
        return np.asarray(array, dtype=np.float32)
    bits = array.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= _SIGN_AND_NUMBER
    numbers = bits.view(np.float32)
    numbers *= _EXPONENTS_APART
    return numbers


def _product(
    vectors: NDArray[np.floating],
    rows: NDArray[np.int32],
    weights: NDArray[np.float32],
    bounds: NDArray[np.int64],
) -> NDArray[np.float32]:
    matrix = csr_array((weights, rows, bounds.astype(np.int32)), shape=(len(bounds) - 1, len(vectors)))
    return np.asarray(matrix @ vectors, dtype=np.float32)


def _steps(bounds: NDArray[np.int64]) -> Iterator[slice]:
    """Yield slices of the sums with about `_ROWS_PER_STEP` rows each; a longer sum is one by itself."""
    start, sums = 0, len(bounds) - 1
    while start < sums:
        stop = int(np.searchsorted(bounds, bounds[start] + _ROWS_PER_STEP, side="right")) - 1
        stop = min(max(stop, start + 1), sums)
        yield slice(start, stop)
        start = stop
