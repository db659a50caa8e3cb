"""Fitting clusters; scikit-learn is the oracle."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from scoring.errors import CorpusError
from scoring.training.kmeans import QUANTILES, describe_centroids, fill_empty, fit_clusters


def test_labels_and_centroids_are_those_of_kmeans(blobs: NDArray[np.float32]) -> None:
    """scikit-learn stays where they are, and finds nothing tighter from ten random starts."""
    clusters = fit_clusters(blobs, 4, seed=3)

    again = KMeans(4, init=clusters.centroids, n_init=1).fit(blobs)
    np.testing.assert_array_equal(clusters.labels, again.labels_)
    np.testing.assert_allclose(clusters.centroids, again.cluster_centers_, rtol=1e-5, atol=1e-5)
    assert again.inertia_ <= 1.01 * KMeans(4, n_init=10, random_state=3).fit(blobs).inertia_
    assert clusters.agreements == []


@pytest.mark.parametrize("k", [121, 10_000])
def test_more_clusters_than_documents_are_refused(blobs: NDArray[np.float32], k: int) -> None:
    """The sentence says both numbers."""
    with pytest.raises(CorpusError, match=f"too small for {k} clusters: distinct documents with words: 120"):
        fit_clusters(blobs, k, seed=1)


def test_copies_do_not_count_as_documents(blobs: NDArray[np.float32]) -> None:
    """K-Means could not fill the clusters of equal documents."""
    with pytest.raises(CorpusError, match="distinct documents with words: 3"):
        fit_clusters(np.repeat(blobs[:3], 9, axis=0), 4, seed=1)


def test_rounding_does_not_make_documents_distinct(blobs: NDArray[np.float32]) -> None:
    """Documents of equal words in another order differ in the last bits."""
    copies = np.repeat(blobs[:3], 9, axis=0) * (1 + 1e-7 * np.arange(27, dtype=np.float32)[:, None])

    with pytest.raises(CorpusError, match="distinct documents with words: 3"):
        fit_clusters(copies, 4, seed=1)


@pytest.mark.parametrize("k", [2, 20, 60, 119, 120])
def test_no_cluster_is_empty_or_equal_to_another(blobs: NDArray[np.float32], k: int) -> None:
    """Even with one document a cluster, and with many copies of some."""
    copied = np.concatenate([blobs, *[blobs[:2]] * 100])

    clusters = fit_clusters(copied, k, seed=1)

    assert np.bincount(clusters.labels, minlength=k).all()
    assert len(np.unique(clusters.centroids, axis=0)) == k


def test_empty_clusters_get_the_farthest_documents() -> None:
    """One after another, until each centroid is the nearest to some document."""
    documents = np.array([[0, 0], [1, 0], [0, 9], [5, 5]], np.float32)

    labels, centroids = fill_empty(documents, np.zeros((3, 2), np.float32))

    assert labels.tolist() == [0, 0, 1, 2]
    assert centroids.tolist() == [[0, 0], [0, 9], [5, 5]]


def test_quantiles_are_the_sorted_distances_at_even_ranks(blobs: NDArray[np.float32]) -> None:
    """From the nearest document of a cluster to the farthest."""
    clusters = fit_clusters(blobs, 6, seed=1)

    mine = blobs[clusters.labels == 2]
    distances = np.sort(np.linalg.norm(mine - clusters.centroids[2], axis=1))
    assert clusters.quantiles.shape == (6, QUANTILES)
    assert (np.diff(clusters.quantiles, axis=1) >= 0).all()
    np.testing.assert_allclose(clusters.quantiles[2, [0, -1]], distances[[0, -1]], rtol=1e-5)
    np.testing.assert_allclose(clusters.quantiles[2, 50], np.median(distances), rtol=1e-5)


def test_existing_centroids_are_kept_and_described(blobs: NDArray[np.float32]) -> None:
    """Documents go to the nearest centroid; one that has none keeps quantiles of zero."""
    far = np.full((1, 8), 1e4, np.float32)
    centroids = np.concatenate([KMeans(3, random_state=1).fit(blobs).cluster_centers_, far])

    clusters = describe_centroids(blobs, centroids)

    assert clusters.centroids is centroids
    np.testing.assert_array_equal(clusters.labels, KMeans(3, random_state=1).fit(blobs).labels_)
    assert clusters.quantiles[3].tolist() == [0.0] * QUANTILES
