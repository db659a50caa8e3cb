"""Weights from frequencies, and common components; NumPy in double precision is the oracle."""

import numpy as np

from scoring.training.sif import common_components, sif_weights


def test_weights_are_a_over_a_plus_p() -> None:
    """A word with the share `a` weighs a half, one that was never seen 1."""
    weights = sif_weights(np.array([900, 100, 0]), smoothing=0.1)

    np.testing.assert_allclose(weights, [0.1, 0.5, 1.0])
    assert weights.dtype == np.float32


def test_weights_are_finite_where_nothing_was_counted() -> None:
    """A corpus without any word of the vocabulary divides nothing by zero."""
    assert sif_weights(np.zeros(3, np.int64)).tolist() == [1.0, 1.0, 1.0]


def test_components_are_the_first_singular_vectors() -> None:
    """Not centred, orthonormal, equal to NumPy's up to sign."""
    rng = np.random.default_rng(2)
    doc_vectors = (rng.normal(size=(50, 6)) * [5, 4, 3, 2, 1, 1] + 1).astype(np.float32)

    components = common_components(doc_vectors, 2)

    expected = np.linalg.svd(doc_vectors.astype(np.float64))[2][:2]
    np.testing.assert_allclose(np.abs(np.sum(components * expected, axis=1)), 1.0, atol=1e-6)
    np.testing.assert_allclose(components @ components.T, np.eye(2), atol=1e-6)
