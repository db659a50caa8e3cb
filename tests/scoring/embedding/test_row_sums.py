"""Weighted sums of rows: the same from memory, from float16, and from rows that are read when they are asked for."""

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.bundle.rows import SelectedRows, Vectors
from scoring.embedding.row_sums import sum_rows, widen

RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(500, 7)).astype(np.float16).astype(np.float32)
# Sums of nothing, of one row, of a row twice, and of more rows than are taken at a time.
SIZES = [0, 1, 2, 20_000, 0, 9_000, 5]
ROWS = RANDOM.integers(0, 500, sum(SIZES)).astype(np.int32)
WEIGHTS = RANDOM.random(sum(SIZES)).astype(np.float32)
BOUNDS = np.append(0, np.cumsum(SIZES))


@pytest.mark.parametrize(
    "vectors", [VECTORS.astype(np.float16), SelectedRows(VECTORS, np.arange(500))], ids=["float16", "lazy"]
)
def test_sums_are_those_of_float32_in_memory(vectors: Vectors) -> None:
    """To the bit: a sum runs over its rows in their order."""
    expected = sum_rows(VECTORS, ROWS, WEIGHTS, BOUNDS)

    np.testing.assert_array_equal(sum_rows(vectors, ROWS, WEIGHTS, BOUNDS), expected)
    np.testing.assert_allclose(expected[2], WEIGHTS[1:3] @ VECTORS[ROWS[1:3]], rtol=1e-6)
    assert not expected[0].any()


def test_every_finite_float16_is_widened_exactly() -> None:
    """Subnormal numbers and both zeros too."""
    numbers: NDArray[np.float16] = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = numbers[np.isfinite(numbers)]

    np.testing.assert_array_equal(widen(finite).view(np.int32), finite.astype(np.float32).view(np.int32))
