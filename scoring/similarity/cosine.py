"""Unit vectors and their cosines, exact to the last bit, so that a tie is a tie.

Unit vectors here are float32 numbers that are whole multiples of 2⁻²⁶. A product of two of them is a multiple
of 2⁻⁵², and no partial sum of the dot product of two unit vectors reaches 2, so float64 holds every step
without rounding: a cosine does not depend on the order of summation, the block it was computed in, or the
BLAS kernel. Copies of a document tie exactly, permuting documents permutes the similarities, and block
sizes change nothing.

The price is the rounding of a component by at most 2⁻²⁷ besides what float32 costs anyway, 2⁻²⁴ of it: a cosine
moves by at most √d·2⁻²⁶ + 2⁻²³ (2.7e-7 at d = 100).
"""

import math

import numpy as np
from numpy.typing import NDArray

# The finest grid on which sums of products fit float64's 53 bits: 26 + 26 after the point and one before it.
_GRID = 2.0**26
# Pairs whose exact cosines are computed at once: 512 · 100 float64 are 0.4 MB. Of four times as many the allocator
# returns the pages to the system each time, and a pair takes 0.8 µs instead of 0.08.
_PAIRS_PER_CHUNK = 512
#: Cells in a block of float64 cosines, 2 MB.
BLOCK_CELLS = 1 << 18


def unit_vectors(doc_vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return doc_vectors (n, d) scaled to length 1 and rounded to multiples of 2⁻²⁶; zero rows stay zero.

    Any finite float32 is fine: lengths are computed in float64, where no square over- or underflows.
    """
    wide = doc_vectors.astype(np.float64)
    lengths = np.sqrt(np.vecdot(wide, wide))
    lengths[lengths == 0] = 1
    wide *= (_GRID / lengths)[:, None]
    return np.rint(wide, out=wide).astype(np.float32) * np.float32(1 / _GRID)


def exact_cosines(
    left: NDArray[np.float32], right: NDArray[np.float32], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the exact cosine of `left[rows[c]]` and `right[columns[c]]` for each of C pairs, (C,) float64.

    left (p, d) and right (q, d) come from `unit_vectors`. Time O(C·d), memory O(C) and one chunk.
    """
    cosines = np.empty(len(rows))
    for start in range(0, len(rows), _PAIRS_PER_CHUNK):
        part = slice(start, start + _PAIRS_PER_CHUNK)
        cosines[part] = np.vecdot(
            left.take(rows[part], axis=0).astype(np.float64),
            right.take(columns[part], axis=0).astype(np.float64),
        )
    return cosines


def round_cosines(cosines: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return exact cosines as they are reported: rounded to float32 and clipped to [−1, 1]."""
    rounded = cosines.astype(np.float32)
    return np.clip(rounded, -1, 1, out=rounded)


def rounding_width(dimensions: int) -> float:
    """Return the most by which two exact cosines of vectors (d,) can differ that `round_cosines` makes equal.

    float32 numbers below 1 lie at most 2⁻²⁴ apart. Rounding a vector to the grid can make a cosine exceed 1 by
    √d·2⁻²⁶ + 2⁻²³, and clipping makes all cosines from there down to 1 − 2⁻²⁵ equal.
    """
    return 2.0**-25 + 2.0**-23 + math.sqrt(dimensions) * 2.0**-26


def cosine_matrix(units: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return all cosines (n, n) of units (n, d), float32, symmetric to the bit and in [−1, 1].

    The diagonal is 1 where a document has a vector; the row and column of one without are 0. Time O(n²·d);
    memory the result's 4·n² bytes, 8·n·d and one block.
    """
    n_docs = len(units)
    wide = units.astype(np.float64)
    cosines = np.empty((n_docs, n_docs), np.float32)
    step = max(1, BLOCK_CELLS // max(1, n_docs))
    for start in range(0, n_docs, step):
        cosines[start : start + step] = round_cosines(wide[start : start + step] @ wide.T)
    np.fill_diagonal(cosines, units.any(axis=1))
    return cosines
