"""The nearest neighbours within each of many small segments of documents, found for all segments at once.

    g segments of up to n documents ─ pad → (g, n, d) ─ product → (g, n, n) ─ sort → (g, n, m)

The time of a segment of four documents is the fixed cost of the array operations, not the arithmetic; segments
that are computed together share that cost. Cosines are exact (`scoring.similarity.cosine`), so neither the
padding nor the other segments change a result.
"""

import numpy as np
from numpy.typing import NDArray

from scoring.similarity.cosine import round_cosines

# Below every cosine: marks a document that is no neighbour.
_NO_NEIGHBOUR = -2.0


def find_batched_neighbours(
    units: NDArray[np.float32],
    starts: NDArray[np.int64],
    sizes: NDArray[np.int64],
    m: int,
    present: NDArray[np.bool_] | None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the m ≥ 1 nearest of each document within its segment, (g, n, m) both, n the largest of `sizes`.

    units (N, d) from `unit_vectors`; segment i is the `sizes[i]` ≥ 1 documents from `starts[i]` on, (g,) both;
    present (N,) as in `find_neighbours`. The first result is positions within the segment, int64, the second
    similarities, highest first, ties by position; where there is no neighbour they are −1 and 0. Time
    O(g·n²·(d + log n)), memory O(g·n·(d + n + m)).
    """
    positions = np.arange(sizes.max())
    rows = starts[:, None] + positions
    # Padding holds documents of other segments; `comparable` excludes them below.
    padded = units.take(rows, axis=0, mode="clip").astype(np.float64)
    valid = positions < sizes[:, None]
    if present is not None:
        valid &= present.take(rows, mode="clip")
    comparable = valid[:, :, None] & valid[:, None, :]
    comparable[:, positions, positions] = False
    cosines = round_cosines(padded @ padded.transpose(0, 2, 1))
    cosines[~comparable] = _NO_NEIGHBOUR
    order = np.argsort(-cosines, axis=2, kind="stable")[:, :, :m]
    nearest = cosines[np.arange(len(starts))[:, None, None], positions[:, None], order]
    found = nearest != _NO_NEIGHBOUR
    width = len(positions)
    indices, similarities = np.full((*rows.shape, m), -1), np.zeros((*rows.shape, m), np.float32)
    np.copyto(indices[:, :, :width], order, where=found)
    np.copyto(similarities[:, :, :width], nearest, where=found)
    return indices, similarities
