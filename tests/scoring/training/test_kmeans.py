"""Fitting clusters; scikit-learn is the oracle."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from scoring.errors import CorpusError
from scoring.training.kmeans import QUANTILES, describe_centroids, fit_clusters


@pytest.fixture
def blobs() -> NDArray[np.float32]:
    """Return 6 well separated groups of 20 documents in 8 dimensions."""
    rng = np.random.default_rng(5)
    centres = 20 * rng.normal(size=(6, 8))
    return (np.repeat(centres, 20, axis=0) + rng.normal(size=(120, 8))).astype(np.float32)


def test_labels_and_centroids_are_those_of_kmeans(blobs: NDArray[np.float32]) -> None:
    """A given number of clusters is fitted as scikit-learn does, in single precision."""
    expected = KMeans(4, n_init=10, random_state=3).fit(blobs)

    clustering = fit_clusters(blobs, 4, seed=3)

    np.testing.assert_array_equal(clustering.labels, expected.labels_)
    np.testing.assert_array_equal(clustering.centroids, expected.cluster_centers_)
    assert clustering.silhouettes == []


def test_auto_finds_groups_that_are_there_and_says_why(blobs: NDArray[np.float32]) -> None:
    """The number of well separated groups has the highest silhouette, and the sentence gives it."""
    clustering = fit_clusters(blobs, "auto", seed=3)

    scores = dict(clustering.silhouettes)
    assert len(clustering.centroids) == 6
    assert scores[6] == max(scores.values())
    assert scores[6] == pytest.approx(silhouette_score(blobs, clustering.labels))
    assert clustering.reason.startswith("6 clusters have the highest mean silhouette, 0.")


def test_auto_makes_one_cluster_of_few_documents() -> None:
    """There is nothing to tell apart in a handful, nor in copies of one document."""
    few = np.eye(5, dtype=np.float32)

    assert len(fit_clusters(few, "auto", seed=1).centroids) == 1
    assert len(fit_clusters(np.ones((100, 4), np.float32), "auto", seed=1).centroids) == 1


def test_progress_counts_the_candidates(blobs: NDArray[np.float32]) -> None:
    """Each candidate of `auto` is a step, and the last fit is one."""
    steps: list[tuple[str, int, int]] = []

    clustering = fit_clusters(blobs, "auto", 1, lambda *step: steps.append(step))

    tried = len(clustering.silhouettes)
    assert steps == [*(("choose k", i, tried) for i in range(1, tried + 1)), ("cluster", 1, 1)]


@pytest.mark.parametrize("clusters", [121, 10_000])
def test_more_clusters_than_documents_are_refused(blobs: NDArray[np.float32], clusters: int) -> None:
    """The sentence says both numbers."""
    with pytest.raises(
        CorpusError, match=f"120 distinct documents with words, too few for {clusters} clusters"
    ):
        fit_clusters(blobs, clusters, seed=1)


def test_copies_do_not_count_as_documents(blobs: NDArray[np.float32]) -> None:
    """K-Means could not fill the clusters of equal documents."""
    with pytest.raises(CorpusError, match="3 distinct documents"):
        fit_clusters(np.repeat(blobs[:3], 9, axis=0), 4, seed=1)


def test_quantiles_are_the_sorted_distances_at_even_ranks(blobs: NDArray[np.float32]) -> None:
    """From the nearest document of a cluster to the farthest."""
    clustering = fit_clusters(blobs, 6, seed=1)

    mine = blobs[clustering.labels == 2]
    distances = np.sort(np.linalg.norm(mine - clustering.centroids[2], axis=1))
    assert clustering.quantiles.shape == (6, QUANTILES)
    assert (np.diff(clustering.quantiles, axis=1) >= 0).all()
    np.testing.assert_allclose(clustering.quantiles[2, [0, -1]], distances[[0, -1]], rtol=1e-5)
    np.testing.assert_allclose(clustering.quantiles[2, 50], np.median(distances), rtol=1e-5)


def test_existing_centroids_are_kept_and_described(blobs: NDArray[np.float32]) -> None:
    """Documents go to the nearest centroid; one that has none keeps quantiles of zero."""
    far = np.full((1, 8), 1e4, np.float32)
    centroids = np.concatenate([KMeans(3, random_state=1).fit(blobs).cluster_centers_, far])

    clustering = describe_centroids(blobs, centroids)

    assert clustering.centroids is centroids
    np.testing.assert_array_equal(clustering.labels, KMeans(3, random_state=1).fit(blobs).labels_)
    assert clustering.quantiles[3].tolist() == [0.0] * QUANTILES
