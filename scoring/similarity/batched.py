"""The nearest neighbours within each of many small groups of documents, all groups at once.

    groups of up to n documents ─ pad → (g, n, d) ─ product → (g, n, n) ─ sort → (g, n, m)

On its own a group of four documents takes as long as the calls take, whatever is in them; together, groups
share the calls. Cosines are exact (`similarity`), so neither padding nor company changes an answer.
"""

import numpy as np
from numpy.typing import NDArray

from scoring.similarity.cosine import round_cosines

# Below every cosine: nobody's neighbour.
_NEVER = -2.0


def find_batched_neighbours(
    units: NDArray[np.float32],
    starts: NDArray[np.int64],
    sizes: NDArray[np.int64],
    m: int,
    present: NDArray[np.bool_] | None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the m ≥ 1 nearest of each document within its group, (g, n, m) both, n the largest of `sizes`.

    units (N, d) from `unit_vectors`; group i is the `sizes[i]` ≥ 1 documents from `starts[i]` on, (g,) both;
    present (N,) as in `neighbours`. The first result is positions in the group, the second similarities,
    highest first, ties by position; where there is no neighbour they are −1 and 0. Time O(g·n²·(d + log n)),
    memory O(g·n·(d + n + m)).
    """
    places = np.arange(sizes.max())
    rows = starts[:, None] + places
    # What stands in the padding is of no account: nothing is compared with it.
    wide = units.take(rows, axis=0, mode="clip").astype(np.float64)
    alive = places < sizes[:, None]
    if present is not None:
        alive &= present.take(rows, mode="clip")
    comparable = alive[:, :, None] & alive[:, None, :]
    comparable[:, places, places] = False
    cosines = np.where(comparable, wide @ wide.transpose(0, 2, 1), _NEVER)
    order = np.argsort(-cosines, axis=2, kind="stable")[:, :, :m]
    nearest = cosines[np.arange(len(starts))[:, None, None], places[:, None], order]
    found = nearest != _NEVER
    width = len(places)
    indices, similarities = np.full((*rows.shape, m), -1), np.zeros((*rows.shape, m), np.float32)
    np.copyto(indices[:, :, :width], order, where=found)
    np.copyto(similarities[:, :, :width], round_cosines(nearest), where=found)
    return indices, similarities
