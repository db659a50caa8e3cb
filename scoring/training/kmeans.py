"""K-Means clusters of document vectors, and how many there should be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin, silhouette_score

from scoring.errors import CorpusError
from scoring.progress import Progress, silent

ClusterCount = int | Literal["auto"]

# Ranks of the stored training distances: whole percents, finer than an outlier share needs.
QUANTILES = 101
# K-Means is run from several starts and the tightest kept; scikit-learn's own default before it was made 1.
_STARTS = 10
# The silhouette compares each with each, so it is measured on a sample: 2,000 documents take 0.1 s a
# candidate.
_SAMPLE = 2_000
# Candidates for `auto`: about a third apart; the silhouette cannot tell neighbours apart.
_CANDIDATES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
# `auto` never goes below this many documents a cluster on average: terms and quantiles need some.
_DOCUMENTS_PER_CLUSTER = 8


@dataclass(frozen=True, eq=False)
class CorpusClusters:
    """k clusters of n documents: centroids (k, d), labels (n,), quantiles (k, QUANTILES) of the distances.

    The quantiles ascend; a cluster without documents has zeros. `silhouettes` holds (k, mean silhouette) of
    each candidate that `auto` tried, empty where k was given; `why` says in a sentence where k came from.
    """

    centroids: NDArray[np.float32]
    labels: NDArray[np.int64]
    quantiles: NDArray[np.float32]
    silhouettes: Sequence[tuple[int, float]]
    reason: str


def fit_clusters(
    doc_vectors: NDArray[np.float32], clusters: ClusterCount, seed: int, progress: Progress = silent
) -> CorpusClusters:
    """Fit K-Means to documents (n, d); `auto` takes the candidate of the highest mean silhouette.

    Distances are Euclidean. Deterministic for one seed and one thread. Time O(starts·n·k·d) a candidate.

    Raises: CorpusError when there are fewer distinct documents than clusters.
    """
    distinct = len(np.unique(doc_vectors, axis=0))
    silhouettes: list[tuple[int, float]] = []
    if clusters == "auto":
        silhouettes = _silhouettes(doc_vectors, distinct, seed, progress)
        k, why = _choose(silhouettes, distinct)
    else:
        k, why = clusters, f"{clusters} clusters were asked for"
    if distinct < k:
        raise CorpusError(
            f"the corpus has {distinct} distinct documents with words, too few for {k} clusters"
        )
    model = KMeans(n_clusters=k, n_init=_STARTS, random_state=seed).fit(doc_vectors)
    centroids = model.cluster_centers_.astype(np.float32)
    labels = model.labels_.astype(np.int64)
    progress("cluster", 1, 1)
    return CorpusClusters(
        centroids, labels, _distance_quantiles(doc_vectors, labels, centroids), silhouettes, why
    )


def describe_centroids(doc_vectors: NDArray[np.float32], centroids: NDArray[np.float32]) -> CorpusClusters:
    """Describe given centroids (k, d) by the documents (n, d) that are nearest to each."""
    labels = pairwise_distances_argmin(doc_vectors, centroids).astype(np.int64)
    quantiles = _distance_quantiles(doc_vectors, labels, centroids)
    return CorpusClusters(centroids, labels, quantiles, (), f"{len(centroids)} centroids were given")


def _distance_quantiles(
    doc_vectors: NDArray[np.float32], labels: NDArray[np.int64], centroids: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return (k, QUANTILES) sorted distances of each cluster's documents, at evenly spaced ranks."""
    distance = np.linalg.norm(doc_vectors - centroids[labels], axis=1)
    ranks = np.linspace(0.0, 1.0, QUANTILES)
    quantiles = np.zeros((len(centroids), QUANTILES), np.float32)
    for cluster in np.unique(labels):
        quantiles[cluster] = np.quantile(distance[labels == cluster], ranks)
    return quantiles


def _silhouettes(
    doc_vectors: NDArray[np.float32], distinct: int, seed: int, progress: Progress
) -> list[tuple[int, float]]:
    chosen = np.random.default_rng(seed).permutation(len(doc_vectors))[:_SAMPLE]
    sample = doc_vectors[np.sort(chosen)]
    limit = min(len(sample), distinct) // _DOCUMENTS_PER_CLUSTER
    candidates = [k for k in _CANDIDATES if k <= limit]
    scores = []
    for done, k in enumerate(candidates, 1):
        labels = KMeans(n_clusters=k, n_init=_STARTS, random_state=seed).fit_predict(sample)
        scores.append((k, float(silhouette_score(sample, labels))))
        progress("choose k", done, len(candidates))
    return scores


def _choose(silhouettes: Sequence[tuple[int, float]], distinct: int) -> tuple[int, str]:
    if not silhouettes:
        return 1, f"one cluster: {distinct} documents are too few to tell more apart"
    k, best = max(silhouettes, key=lambda scored: scored[1])
    tried = ", ".join(str(k) for k, _ in silhouettes)
    return k, f"{k} clusters have the highest mean silhouette, {best:.3f}, of {tried}"
