"""Outliers: the share of nearer documents against NumPy, unknown words against the exact binomial tail."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from scoring.bundle.manifest import UnknownRate
from scoring.outliers import nearer_share, outliers, unknown_tail


def test_the_nearer_share_is_interpolated_between_quantiles() -> None:
    """It is 0 before the first, 1 after the last, and follows the document's own cluster."""
    quantiles = np.array([[0, 1, 2, 4, 8], [1, 1, 1, 1, 1]], np.float32)
    labels = np.array([0, 0, 0, 0, 1, 1, -1])
    distance = np.array([0, 3, 8, 99, 0.5, 2, 0], np.float32)

    shares = nearer_share(labels, distance, quantiles)

    assert shares.tolist() == [0, 0.625, 1, 1, 0, 1, 0]


@given(
    seed=st.integers(0, 2**32), n=st.integers(0, 40), count=st.integers(1, 12), whole_numbers=st.booleans()
)
@settings(deadline=None)
def test_the_nearer_share_is_numpys_interpolation_to_the_bit(
    seed: int, n: int, count: int, whole_numbers: bool
) -> None:
    """For each cluster, with quantiles that repeat and distances that are quantiles."""
    rng = np.random.default_rng(seed)
    quantiles = np.sort(rng.uniform(0, 6, (4, count)), axis=1).astype(np.float32)
    labels, distance = rng.integers(-1, 4, n), rng.uniform(-1, 7, n).astype(np.float32)
    if whole_numbers:
        quantiles, distance = np.rint(quantiles), np.rint(distance)
    ranks = np.linspace(0.0, 1.0, count)
    expected = [
        np.interp(far, quantiles[label], ranks) if label >= 0 else 0
        for label, far in zip(labels, distance, strict=True)
    ]

    shares = nearer_share(labels, distance, quantiles)

    np.testing.assert_array_equal(shares, np.array(expected, np.float32))


@given(
    m=st.integers(1, 300), share=st.floats(1e-6, 0.999), correlation=st.floats(0, 1), seed=st.integers(0, 99)
)
def test_the_outlier_figure_grows_with_unknown_words_from_the_share_of_nearer_documents(
    m: int, share: float, correlation: float, seed: int
) -> None:
    """With every word known it is the share to the bit; it never falls with one word less, and stays below 1."""
    tokens, known = np.full(m + 1, m), np.arange(m, -1, -1)
    nearer = np.random.default_rng(seed).random(1).astype(np.float32)

    found = outliers(nearer, unknown_tail(tokens, known, UnknownRate(share, correlation)))

    assert found[0] == nearer[0]
    assert (np.diff(found) >= 0).all()
    assert (found <= 1).all()


@given(m=st.integers(1, 200), share=st.floats(0.001, 0.9))
def test_the_tail_is_a_bound_of_the_binomial_tail(m: int, share: float) -> None:
    """Of tokens that are independent; a document of unknown words alone has it exactly."""
    unknown = np.arange(m + 1)

    tail = unknown_tail(np.full(m + 1, m), m - unknown, UnknownRate(share, 0.0))

    exact = binom.sf(unknown - 1, m, share)
    assert (tail >= exact * (1 - 1e-9)).all()
    np.testing.assert_allclose(tail[-1], share**m, rtol=1e-9)


def test_tokens_that_depend_on_each_other_tell_less() -> None:
    """A long document of the usual share and a little more is no stranger; one of mostly unknown words is."""
    tokens, known = np.array([1_000, 1_000, 0]), np.array([920, 400, 0])

    independent = unknown_tail(tokens, known, UnknownRate(0.05, 0.0))
    dependent = unknown_tail(tokens, known, UnknownRate(0.05, 0.02))

    assert independent[0] < 1e-3
    assert dependent[0] > 0.5
    assert dependent[1] < 1e-12
    assert dependent[2] == 1
