"""K-Means from Ward's hierarchy; scikit-learn is the oracle."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering, KMeans

from scoring.training import ward
from scoring.training.ward import fit_kmeans


def test_k_means_starts_at_the_clusters_of_ward(blobs: NDArray[np.float32]) -> None:
    """The same centroids as scikit-learn's K-Means from the means of its own hierarchy."""
    labels = AgglomerativeClustering(4, linkage="ward").fit_predict(blobs)
    means = np.stack([blobs[labels == cluster].mean(axis=0) for cluster in range(4)])
    expected = KMeans(4, init=means, n_init=1).fit(blobs).cluster_centers_

    (found,) = fit_kmeans(blobs, [4], seed=1)

    order, expected_order = (np.lexsort(part.T) for part in (found.cluster_centers_, expected))
    np.testing.assert_allclose(found.cluster_centers_[order], expected[expected_order], rtol=1e-5, atol=1e-5)


def test_each_count_is_fitted(blobs: NDArray[np.float32]) -> None:
    """Also one cluster, and more than a hierarchy of the sample is worth."""
    counts = [1, 2, 7, 119]

    assert [len(model.cluster_centers_) for model in fit_kmeans(blobs, counts, seed=1)] == counts


def test_seeds_do_not_matter_where_the_sample_is_the_corpus(blobs: NDArray[np.float32]) -> None:
    """A hierarchy has no random start."""
    one, other = (fit_kmeans(blobs, [5], seed=seed)[0].cluster_centers_ for seed in (1, 2))

    np.testing.assert_array_equal(one, other)


def test_a_sample_of_a_large_corpus_is_enough(
    blobs: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Separate groups are found, by whatever part of them."""
    monkeypatch.setattr(ward, "_SAMPLE_DOCS", 60)
    all_of_them = KMeans(6, n_init=10, random_state=1).fit(blobs)

    (found,) = fit_kmeans(blobs, [6], seed=1)

    assert found.inertia_ == pytest.approx(all_of_them.inertia_, rel=1e-5)


def test_copies_of_one_document_do_not_stop_it() -> None:
    """As many clusters as asked for, some of them equal, which `fill_empty` mends."""
    copies = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)

    (found,) = fit_kmeans(copies, [3], seed=1)

    np.testing.assert_allclose(np.sort(found.cluster_centers_, axis=0)[-1], 1)
