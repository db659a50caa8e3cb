"""Unit vectors and exact cosines."""

import numpy as np
import pytest
from hypothesis import given, settings

from scoring.similarity.block_products import BlockProducts, product_error
from scoring.similarity.cosine import (
    cosine_matrix,
    exact_cosines,
    round_cosines,
    rounding_width,
    unit_vectors,
)
from tests.support.document_vectors import Kind, Vectors, concentrated, extreme, spread, units, whole


def test_cosines_are_within_1e_5_of_float64_numpy() -> None:
    """Neither the grid nor float32 moves a cosine by more than the documented amount."""
    vectors = spread(np.random.default_rng(1), 300, 100)
    wide = vectors.astype(np.float64)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)

    cosines = cosine_matrix(unit_vectors(vectors))

    np.testing.assert_allclose(cosines, wide @ wide.T, rtol=0, atol=3e-7)


def test_unit_vectors_lie_on_the_grid() -> None:
    """Every component is a whole multiple of 2⁻²⁶, for vectors of any length."""
    scaled = unit_vectors(extreme(np.random.default_rng(2), 500, 20)).astype(np.float64) * 2**26

    np.testing.assert_array_equal(scaled, np.rint(scaled))


def test_the_shortest_and_the_longest_vectors_get_length_1() -> None:
    """Squares that float32 cannot hold do no harm."""
    vectors = np.array([[1e-45, 0], [3e38, 3e38], [1e-45, 1e-45]], np.float32)

    np.testing.assert_allclose(np.linalg.norm(unit_vectors(vectors), axis=1), 1, atol=1e-7)


def test_a_zero_vector_stays_zero() -> None:
    """A zero vector has no direction."""
    assert not unit_vectors(np.zeros((2, 5), np.float32)).any()


@given(units(1, 60))
@settings(deadline=None)
def test_cosines_that_are_rounded_to_one_value_are_close(vectors: Vectors) -> None:
    """Within `rounding_width`, also those that are clipped."""
    exact = np.sort((vectors.astype(np.float64) @ vectors.T.astype(np.float64)).ravel())
    _, firsts, counts = np.unique(round_cosines(exact), return_index=True, return_counts=True)

    assert (exact[firsts + counts - 1] - exact[firsts]).max() <= rounding_width(vectors.shape[1])


@given(units(1, 60))
@settings(deadline=None)
def test_cosines_do_not_depend_on_the_order_of_summation(vectors: Vectors) -> None:
    """Adding the products backwards gives the same bits, so a tie is a tie in every block."""
    rows, columns = np.divmod(np.arange(len(vectors) ** 2), len(vectors))

    cosines = exact_cosines(vectors, vectors, rows, columns)

    np.testing.assert_array_equal(cosines, exact_cosines(vectors[:, ::-1], vectors[:, ::-1], columns, rows))
    np.testing.assert_array_equal(
        cosines.reshape(len(vectors), -1), vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    )


@given(units(0, 60))
@settings(deadline=None)
def test_the_matrix_is_symmetric_with_ones_in_the_diagonal(vectors: Vectors) -> None:
    """It equals its transpose to the bit, stays within −1 and 1, and is 0 for zero vectors."""
    cosines = cosine_matrix(vectors)

    np.testing.assert_array_equal(cosines, cosines.T)
    np.testing.assert_array_equal(np.diag(cosines), vectors.any(axis=1).astype(np.float32))
    assert not cosines[~vectors.any(axis=1)].any()
    assert cosines.dtype == np.float32
    assert np.abs(cosines).max(initial=0) <= 1


def test_a_matrix_of_several_blocks_equals_the_exact_product() -> None:
    """Block borders leave no trace."""
    vectors = unit_vectors(spread(np.random.default_rng(3), 1_100, 10))
    exact = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    np.fill_diagonal(exact, 1)

    np.testing.assert_array_equal(cosine_matrix(vectors), exact.astype(np.float32).clip(-1, 1))


@pytest.mark.parametrize("kind", [spread, concentrated, whole])
@pytest.mark.parametrize("dimensions", [1, 7, 100, 301])
def test_float32_products_are_off_by_no_more_than_the_bound(kind: Kind, dimensions: int) -> None:
    """`product_error` holds for every pair."""
    vectors = unit_vectors(kind(np.random.default_rng(4), 200, dimensions))
    exact = vectors.astype(np.float64) @ vectors.T.astype(np.float64)

    products = BlockProducts(200).multiply(vectors, vectors)

    assert np.abs(products - exact).max() <= product_error(dimensions)
