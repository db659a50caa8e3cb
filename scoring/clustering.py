"""The nearest K-Means centroid of each document, how sure that is, and the clusters of one request."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Assignment:
    """labels (n,) int64, −1 without a vector; distance and margin (n,) float32, ≥ 0 and finite.

    distance: Euclidean, to the nearest centroid. margin: the runner-up's distance minus it; 0 where there is
    no other cluster.
    """

    labels: NDArray[np.int64]
    distance: NDArray[np.float32]
    margin: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """A cluster in one request: its documents, and their mean cosine to their mean direction, −1 to 1."""

    cluster: int
    size: int
    cohesion: float


def assign(
    doc_vectors: NDArray[np.float32],
    centroids: NDArray[np.float32],
    *,
    present: NDArray[np.bool_] | None = None,
) -> Assignment:
    """Return the nearest of centroids (k, d) for each of doc_vectors (n, d); ties go to the lower number.

    Equal to scikit-learn's `KMeans.predict`. ‖v − c‖² is expanded to ‖v‖² − 2v·c + ‖c‖², which is one
    product, but loses digits when both are far from the origin; so everything is moved to the centroids' mean
    and done in float64. Time O(n·k·d), memory O(n·(k + d)).
    """
    origin = centroids.mean(axis=0, dtype=np.float64)
    centers = centroids - origin
    vectors = doc_vectors - origin
    squares = np.vecdot(centers, centers) - 2 * (vectors @ centers.T)
    labels = squares.argmin(axis=1)
    rows = np.arange(len(labels))
    nearest = _distance(vectors, centers[labels])
    squares[rows, labels] = np.inf
    runner_up = nearest if len(centroids) == 1 else _distance(vectors, centers[squares.argmin(axis=1)])
    distance, margin = nearest.astype(np.float32), np.maximum(runner_up - nearest, 0).astype(np.float32)
    if present is not None:
        labels[~present], distance[~present], margin[~present] = -1, 0, 0
    return Assignment(labels, distance, margin)


def _distance(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    distance: NDArray[np.float64] = np.linalg.norm(left - right, axis=1)
    return distance


def outlier_share(
    labels: NDArray[np.int64], distance: NDArray[np.float32], distance_quantiles: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the share, 0 to 1, of the cluster's training documents that lie nearer, (n,) float32.

    distance_quantiles (k, Q) are sorted training distances at Q evenly spaced ranks; between two of them the
    share is interpolated. A document without a vector (label −1) has 0.
    """
    ranks = np.linspace(0.0, 1.0, distance_quantiles.shape[1])
    shares = np.zeros(len(labels), np.float32)
    for cluster in np.unique(labels[labels >= 0]):
        members = labels == cluster
        shares[members] = np.interp(distance[members], distance_quantiles[cluster], ranks)
    return shares


def summarize(
    units: NDArray[np.float32], labels: NDArray[np.int64], present: NDArray[np.bool_]
) -> list[ClusterSummary]:
    """Describe the clusters that occur, by ascending number; units (n, d) from `unit_vectors`.

    The mean of the cosines of unit vectors u to their mean direction s/‖s‖, s = Σu, is Σ(u·s)/(n‖s‖) = ‖s‖/n.
    It is 0 for vectors that cancel out.
    """
    clusters, members = np.unique(labels[present], return_inverse=True)
    sizes = np.bincount(members, minlength=len(clusters))
    sums = np.zeros((len(clusters), units.shape[1]))
    np.add.at(sums, members, units[present])
    cohesion = np.minimum(np.linalg.norm(sums, axis=1) / np.maximum(sizes, 1), 1.0)
    columns = zip(clusters.tolist(), sizes.tolist(), cohesion.tolist(), strict=True)
    return [ClusterSummary(cluster, size, value) for cluster, size, value in columns]
