"""How many clusters a corpus should have: the candidate of the highest mean silhouette.

Source: Rousseeuw 1987, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis". Its
weakness: it favours compact, convex clusters.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from scoring.progress import Progress

#: A number of clusters, or "auto" to choose it.
CountOrAuto = int | Literal["auto"]

# K-Means is run from this many starts and the tightest result kept; scikit-learn's default before it became 1.
KMEANS_STARTS = 10
# The silhouette compares each document with each other, so it is measured on a sample: with 2,000 documents a
# candidate takes 0.1 s.
_SAMPLE_DOCS = 2_000
# About a third apart: the silhouette cannot tell closer ones apart.
_CANDIDATES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
# A candidate leaves at least this many documents a cluster on average: terms and distance quantiles need some.
_DOCS_PER_CLUSTER = 8


def measure_silhouettes(
    doc_vectors: NDArray[np.float32], distinct: int, seed: int, progress: Progress
) -> list[tuple[int, float]]:
    """Return (k, mean silhouette, −1 to 1) of each candidate k that n documents, `distinct` of them, allow.

    The list is empty for fewer than 16 distinct documents. Time O(starts·s·k·d + s²·d) a candidate, for a sample
    of s = min(n, 2,000) documents.
    """
    chosen = np.random.default_rng(seed).permutation(len(doc_vectors))[:_SAMPLE_DOCS]
    sample = doc_vectors[np.sort(chosen)]
    limit = min(len(sample), distinct) // _DOCS_PER_CLUSTER
    candidates = [k for k in _CANDIDATES if k <= limit]
    silhouettes = []
    for done, k in enumerate(candidates, 1):
        labels = KMeans(n_clusters=k, n_init=KMEANS_STARTS, random_state=seed).fit_predict(sample)
        silhouettes.append((k, float(silhouette_score(sample, labels))))
        progress("choose k", done, len(candidates))
    return silhouettes


def choose_cluster_count(silhouettes: Sequence[tuple[int, float]], distinct: int) -> tuple[int, str]:
    """Return the k of the highest mean silhouette, and the reason in a sentence; 1 if there are no candidates."""
    if not silhouettes:
        return 1, f"one cluster: {distinct} documents are too few to tell more apart"
    k, highest = max(silhouettes, key=lambda candidate: candidate[1])
    tried = ", ".join(str(k) for k, _ in silhouettes)
    return k, f"{k} clusters have the highest mean silhouette, {highest:.3f}, of {tried}"
