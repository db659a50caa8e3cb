"""K-Means clusters of the documents of a corpus, fitted or given, and how far their documents are from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin

from scoring.errors import CorpusError
from scoring.progress import Progress, silent
from scoring.training.cluster_count import (
    KMEANS_STARTS,
    CountOrAuto,
    choose_cluster_count,
    measure_silhouettes,
)

# Stored training distances per cluster: one for each percent from 0 to 100, finer than an outlier share needs.
QUANTILES = 101


@dataclass(frozen=True, eq=False)
class CorpusClusters:
    """k clusters of n documents: centroids (k, d), labels (n,), quantiles (k, QUANTILES) of the distances.

    The quantiles are of the Euclidean distances of a cluster's documents to its centroid, ascending; zeros for a
    cluster without documents. silhouettes: (k, mean silhouette) of each candidate for k, empty where k was given.
    reason: a sentence that says how k was chosen.
    """

    centroids: NDArray[np.float32]
    labels: NDArray[np.int64]
    quantiles: NDArray[np.float32]
    silhouettes: Sequence[tuple[int, float]]
    reason: str


def fit_clusters(
    doc_vectors: NDArray[np.float32], clusters: CountOrAuto, seed: int, progress: Progress = silent
) -> CorpusClusters:
    """Fit K-Means with Euclidean distances to documents (n, d); `auto` chooses k by `cluster_count`.

    Deterministic for one seed and one thread. Time O(starts·iterations·n·k·d), memory O(n·(k + d)).

    Raises: CorpusError when there are fewer distinct documents than clusters.
    """
    distinct = len(np.unique(doc_vectors, axis=0))
    silhouettes: list[tuple[int, float]] = []
    if clusters == "auto":
        silhouettes = measure_silhouettes(doc_vectors, distinct, seed, progress)
        k, reason = choose_cluster_count(silhouettes, distinct)
    else:
        k, reason = clusters, f"{clusters} clusters were asked for"
    if distinct < k:
        raise CorpusError(
            f"the corpus has {distinct} distinct documents with words, too few for {k} clusters"
        )
    model = KMeans(n_clusters=k, n_init=KMEANS_STARTS, random_state=seed).fit(doc_vectors)
    centroids = model.cluster_centers_.astype(np.float32)
    labels = model.labels_.astype(np.int64)
    progress("cluster", 1, 1)
    return CorpusClusters(
        centroids, labels, _distance_quantiles(doc_vectors, labels, centroids), silhouettes, reason
    )


def describe_centroids(doc_vectors: NDArray[np.float32], centroids: NDArray[np.float32]) -> CorpusClusters:
    """Return the clusters of given centroids (k, d): each of the documents (n, d) belongs to the nearest."""
    labels = pairwise_distances_argmin(doc_vectors, centroids).astype(np.int64)
    quantiles = _distance_quantiles(doc_vectors, labels, centroids)
    return CorpusClusters(centroids, labels, quantiles, (), f"{len(centroids)} centroids were given")


def _distance_quantiles(
    doc_vectors: NDArray[np.float32], labels: NDArray[np.int64], centroids: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the distances (k, QUANTILES) of a cluster's documents to its centroid, at evenly spaced ranks."""
    distance = np.linalg.norm(doc_vectors - centroids[labels], axis=1)
    ranks = np.linspace(0.0, 1.0, QUANTILES)
    quantiles = np.zeros((len(centroids), QUANTILES), np.float32)
    for cluster in np.unique(labels):
        quantiles[cluster] = np.quantile(distance[labels == cluster], ranks)
    return quantiles
