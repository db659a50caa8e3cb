"""The nearest K-Means centroid of each document, its distance and margin, and the clusters of each request.

Fitting centroids is `scoring.training.kmeans`; here they are given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Assignment:
    """labels (n,) int64, −1 without a vector; distance and margin (n,) float32, ≥ 0 and finite.

    distance: Euclidean, to the nearest centroid. margin: the distance to the second nearest centroid minus that
    to the nearest; 0 where there is only one cluster. A document without a vector has 0 for both.
    """

    labels: NDArray[np.int64]
    distance: NDArray[np.float32]
    margin: NDArray[np.float32]

    def part(self, rows: slice) -> "Assignment":
        """Return that of some of the documents, without copying."""
        return Assignment(self.labels[rows], self.distance[rows], self.margin[rows])


class ClusterSummary(NamedTuple):
    """A cluster within one request.

    cluster: its number, 0 to k − 1. size: how many of the request's documents it has, ≥ 1. cohesion: the mean
    cosine of these documents to their mean direction, 0 to 1.
    """

    cluster: int
    size: int
    cohesion: float


def assign(
    doc_vectors: NDArray[np.float32],
    centroids: NDArray[np.floating],
    *,
    present: NDArray[np.bool_] | None = None,
) -> Assignment:
    """Return the nearest of centroids (k, d) for each of doc_vectors (n, d); ties go to the lower number.

    Equal to scikit-learn's `KMeans.predict` in exact arithmetic. present (n,): False for documents without a
    vector; None if all have one. Time O(n·k·d), memory O(n·(k + d)).
    """
    squares = _squared_distances(doc_vectors.astype(np.float64), np.asarray(centroids, np.float64))
    labels = squares.argmin(axis=1)
    nearest, runner_up = np.sqrt(_two_least(squares))
    distance, margin = nearest.astype(np.float32), (runner_up - nearest).astype(np.float32)
    if present is not None and not present.all():
        labels[~present], distance[~present], margin[~present] = -1, 0, 0
    return Assignment(labels, distance, margin)


def _squared_distances(vectors: NDArray[np.float64], centers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ‖v − c‖² (n, k) of vectors (n, d) and centers (k, d).

    ‖v‖² − 2v·c + ‖c‖² is one product, but it loses the digits that the lengths have in common: far from the
    origin, near a centroid, or nearly as near to another. Rows that could lose what a float32 shows, or the
    order, are computed again from the differences.
    """
    lengths, center_lengths = np.vecdot(vectors, vectors)[:, None], np.vecdot(centers, centers)
    squares: NDArray[np.float64] = lengths - 2 * (vectors @ centers.T) + center_lengths
    # Each of the three is a sum of d products and wrong by at most d·2⁻⁵³ of (‖v‖ + ‖c‖)² ≤ 2‖v‖² + 2‖c‖².
    error = 2 * (vectors.shape[1] + 4) * 2.0**-53 * (lengths[:, 0] + center_lengths.max())
    least, second = _two_least(squares)
    lost = least < 2.0**25 * error
    if len(centers) > 1:
        lost |= second - least <= 2 * error
    for row in np.flatnonzero(lost):
        differences = vectors[row] - centers
        squares[row] = np.vecdot(differences, differences)
    return squares


def _two_least(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least and the second least of each row of squares (n, k), (2, n); of one column that twice."""
    if squares.shape[1] == 1:
        return np.concatenate([squares.T, squares.T])
    return np.partition(squares, 1, axis=1)[:, :2].T


def summarize(
    units: NDArray[np.float32], labels: NDArray[np.int64], sizes: Sequence[int]
) -> list[list[ClusterSummary]]:
    """Return the clusters that occur in each request, by ascending number.

    units (n, d) from `unit_vectors` and labels (n,) hold the documents of all requests one after another,
    `sizes[i]` of request i. Documents with label −1 are left out. Time O(n·d + n·log n), memory O(n·d).

    Cohesion: for s = Σu the mean cosine of unit vectors u to their mean direction s/‖s‖ is Σ(u·s)/(n·‖s‖) = ‖s‖/n.
    Rounded unit vectors have lengths of nearly 1; with Σ‖u‖ in the place of n, a single document has exactly 1.
    Vectors whose sum is zero have 0.
    """
    requests = np.repeat(np.arange(len(sizes)), sizes)
    docs, starts = _runs(requests, labels)
    counts = np.diff(np.append(starts, len(docs)))
    vectors = units[docs].astype(np.float64)
    lengths = np.add.reduceat(np.sqrt(np.vecdot(vectors, vectors)), starts)
    sums = np.add.reduceat(vectors, starts)
    sum_lengths = np.sqrt(np.vecdot(sums, sums))
    cohesion = np.minimum(np.divide(sum_lengths, lengths, out=np.zeros(len(sums)), where=lengths > 0), 1.0)
    firsts = docs[starts]
    columns = (requests[firsts], labels[firsts], counts, cohesion)
    summaries: list[list[ClusterSummary]] = [[] for _ in sizes]
    for request, *summary in zip(*[column.tolist() for column in columns], strict=True):
        summaries[request].append(ClusterSummary(*summary))
    return summaries


def _runs(
    requests: NDArray[np.int64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the documents with a label ≥ 0, sorted by request, label and position, and where each run begins.

    A run is the documents of one request with one label; both results are positions, int64.
    """
    docs = np.flatnonzero(labels >= 0)
    keys = (requests * (labels.max(initial=0) + 1) + labels)[docs]
    order = np.argsort(keys, kind="stable")
    docs, keys = docs[order], keys[order]
    first = np.ones(len(keys), bool)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    return docs, np.flatnonzero(first)
