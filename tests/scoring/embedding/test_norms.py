"""Inverse norms: the pooling weights of `fasttext`."""

import numpy as np
import pytest

from scoring.bundle.npy import require_finite
from scoring.embedding.norms import LEAST_NORM, inverse_norms


@pytest.mark.parametrize("n", [0, 1, 20_000])
def test_weighted_vectors_have_length_1(n: int) -> None:
    """For any number of vectors, of any length that trained words have."""
    rng = np.random.default_rng(n)
    vectors = (rng.normal(size=(n, 7)) * 10.0 ** rng.integers(-6, 7, size=(n, 1))).astype(np.float32)

    weights = inverse_norms(vectors)

    np.testing.assert_allclose(np.linalg.norm(vectors * weights[:, None], axis=1), np.ones(n), rtol=1e-5)


def test_vectors_of_zeros_have_weight_0_and_no_weight_is_too_large_for_a_bundle() -> None:
    """A vector that is nearly zero counts as zero."""
    lengths = np.array([0, 1e-30, LEAST_NORM / 2, LEAST_NORM * 1.001, 1], np.float32)

    weights = inverse_norms(lengths[:, None] * np.array([[0.6, 0.8]], np.float32))

    require_finite(weights)
    assert (weights > 0).tolist() == [False, False, False, True, True]
