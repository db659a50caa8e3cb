"""K-Means clusters of the documents of a corpus, fitted or given, and how far their documents are from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances_argmin, pairwise_distances_argmin_min

from scoring.errors import CorpusError
from scoring.progress import Progress, silent
from scoring.training.cluster_count import (
    CountOrAuto,
    choose_cluster_count,
    is_weak,
    measure_agreement,
)
from scoring.training.ward import fit_kmeans

# Stored training distances per cluster: one for each percent from 0 to 100, finer than an outlier share needs.
QUANTILES = 101
# Float32 holds seven decimals, and a sum of many words five or six.
_DISTINCT_DECIMALS = 4
_DISTINCT_DIRECTIONS = 4


@dataclass(frozen=True, eq=False)
class CorpusClusters:
    """k clusters of n documents: centroids (k, d), labels (n,), quantiles (k, QUANTILES) of the distances.

    The quantiles are of the Euclidean distances of a cluster's documents to its centroid, ascending; zeros for a
    cluster without documents. agreements: (k, agreement of halves) of each candidate for k, empty where k was given.
    reason: a sentence that says how k was chosen.
    """

    centroids: NDArray[np.float32]
    labels: NDArray[np.int64]
    quantiles: NDArray[np.float32]
    agreements: Sequence[tuple[int, float]]
    reason: str

    @property
    def weak(self) -> bool:
        """Whether there is little evidence for their number."""
        return is_weak(self.agreements, len(self.centroids))


def fit_clusters(
    doc_vectors: NDArray[np.float32], clusters: CountOrAuto, seed: int, progress: Progress = silent
) -> CorpusClusters:
    """Fit K-Means with Euclidean distances to documents (n, d); `auto` chooses k by `cluster_count`.

    Deterministic for one seed and one thread. Time and memory are those of `fit_kmeans`, with `auto` also the time of
    `measure_agreement`.

    Raises: CorpusError when there are fewer distinct documents than clusters.
    """
    distinct = _count_distinct(doc_vectors)
    agreements: list[tuple[int, float]] = []
    if clusters == "auto":
        agreements = measure_agreement(doc_vectors, distinct, seed, progress)
        k, reason = choose_cluster_count(agreements, distinct)
    else:
        k, reason = clusters, f"{clusters} clusters were asked for"
    if distinct < k:
        raise CorpusError(
            f"the corpus is too small for {k} clusters: distinct documents with words: {distinct}"
        )
    (model,) = fit_kmeans(doc_vectors, [k], seed)
    labels, centroids = fill_empty(doc_vectors, model.cluster_centers_)
    progress("cluster", 1, 1)
    return CorpusClusters(
        centroids,
        labels,
        distance_quantiles(_distances(doc_vectors, labels, centroids), labels, len(centroids)),
        agreements,
        reason,
    )


def fill_empty(
    doc_vectors: NDArray[np.float32], centroids: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the nearest centroid of each document (n,), and the centroids (k, d), each nearest to some document.

    An empty cluster, as K-Means leaves where many documents are equal, gets the document that is farthest from its
    own centroid. Of equal centroids only the first is nearest to a document, so none are equal either. It needs k
    distinct documents at least.
    """
    filled = centroids.astype(np.float32)
    for _ in range(len(centroids)):
        labels, distances = pairwise_distances_argmin_min(doc_vectors, filled)
        empty = np.flatnonzero(np.bincount(labels, minlength=len(filled)) == 0)
        if not len(empty):
            break
        filled[empty[0]] = doc_vectors[distances.argmax()]
    return labels.astype(np.int64), filled


def _count_distinct(doc_vectors: NDArray[np.float32]) -> int:
    """Return how many documents (n, d) differ by more than rounding, as those of equal words in another order do.

    They are compared in a few random directions: rounding is less likely to part equal ones there than in d dimensions.
    """
    directions = np.random.default_rng(0).normal(size=(doc_vectors.shape[1], _DISTINCT_DIRECTIONS))
    projected = doc_vectors @ directions
    scale = max(float(np.abs(projected).max(initial=0)), 1e-30)
    return len(np.unique(np.round(projected / scale, _DISTINCT_DECIMALS), axis=0))


def describe_centroids(doc_vectors: NDArray[np.float32], centroids: NDArray[np.float32]) -> CorpusClusters:
    """Return the clusters of given centroids (k, d): each of the documents (n, d) belongs to the nearest."""
    labels = pairwise_distances_argmin(doc_vectors, centroids).astype(np.int64)
    quantiles = distance_quantiles(_distances(doc_vectors, labels, centroids), labels, len(centroids))
    return CorpusClusters(centroids, labels, quantiles, (), f"{len(centroids)} centroids were given")


def _distances(
    doc_vectors: NDArray[np.float32], labels: NDArray[np.int64], centroids: NDArray[np.float32]
) -> NDArray[np.float32]:
    return np.asarray(np.linalg.norm(doc_vectors - centroids[labels], axis=1), dtype=np.float32)


def distance_quantiles(
    distance: NDArray[np.float32], labels: NDArray[np.int64], clusters: int
) -> NDArray[np.float32]:
    """Return the distances (clusters, QUANTILES) at evenly spaced ranks, of each one's documents, (n,)."""
    ranks = np.linspace(0.0, 1.0, QUANTILES)
    quantiles = np.zeros((clusters, QUANTILES), np.float32)
    for cluster in np.unique(labels):
        quantiles[cluster] = np.quantile(distance[labels == cluster], ranks)
    return quantiles
