"""Axes in which near documents agree; a dense computation is the oracle."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.neighbors import kneighbors_graph

from scoring.training import shared_axes
from scoring.training.shared_axes import find_shared_axes


@pytest.fixture
def documents() -> NDArray[np.float64]:
    """600 documents in 12 dimensions: three groups on three axes, and a spread on the others that nothing shares."""
    random = np.random.default_rng(5)
    centres = np.repeat(np.eye(12)[:3], 200, axis=0)
    return np.asarray(centres + random.normal(scale=0.25, size=(600, 12)))


def test_axes_are_the_eigenvectors_of_what_neighbours_share(documents: NDArray[np.float64]) -> None:
    """By scikit-learn's graph of neighbours and dense matrices."""
    units = documents / np.linalg.norm(documents, axis=1, keepdims=True)
    directed = kneighbors_graph(units, 5).toarray()
    both = directed + directed.T
    smoothing = both / np.sqrt(np.outer(both.sum(axis=1), both.sum(axis=1)))
    values, vectors = np.linalg.eigh(units.T @ smoothing @ units)

    axes, strengths = find_shared_axes(documents, 3, seed=1)

    np.testing.assert_allclose(strengths, np.sqrt(values[::-1][:3] / values[-1]), rtol=1e-4)
    np.testing.assert_allclose(np.abs(axes.T @ vectors[:, ::-1][:, :3]), np.eye(3), atol=1e-3)


def test_groups_are_found_beside_a_larger_spread_of_single_documents(documents: NDArray[np.float64]) -> None:
    """The largest variance would be that of documents that have nothing in common."""
    documents[:, 11] += 3 * np.sign(np.random.default_rng(6).normal(size=600)) * np.arange(600) % 7 / 7
    groups = np.arange(600) // 200

    axes, strengths = find_shared_axes(documents, 3, seed=1)

    projected = documents @ (axes * strengths)
    means = np.stack([projected[groups == group].mean(axis=0) for group in range(3)])
    nearest = np.linalg.norm(projected[:, None] - means, axis=2).argmin(axis=1)
    assert (nearest == groups).mean() > 0.8


@pytest.mark.parametrize("n", [1, 2, 40])
def test_axes_of_few_documents_are_those_of_the_largest_variance(n: int) -> None:
    """None of them vanishes for lack of a neighbour."""
    documents = np.eye(40)[:n] + 0.01

    axes, strengths = find_shared_axes(documents, n, seed=1)

    assert (np.linalg.norm(documents @ (axes * strengths), axis=1) > 0.01).all()


def test_a_sample_shows_the_same_axes(
    documents: NDArray[np.float64], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large corpus is judged by some of its documents."""
    whole, _ = find_shared_axes(documents, 3, seed=1)
    monkeypatch.setattr(shared_axes, "_SAMPLE_DOCS", 520)

    sampled, _ = find_shared_axes(documents, 3, seed=1)

    np.testing.assert_allclose(np.linalg.svd(whole.T @ sampled)[1], 1, atol=0.05)
