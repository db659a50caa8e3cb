"""Small segments of documents compared together: as alone, and as in a brute-force sort."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.similarity.batched import find_batched_neighbours
from scoring.similarity.cosine import unit_vectors
from scoring.similarity.neighbours import Neighbours, Segment, find_neighbours, find_neighbours_within
from tests.support.document_vectors import KINDS, Kind, Vectors, spread


def sort_all(vectors: Vectors, m: int, present: NDArray[np.bool_]) -> Neighbours:
    """Return the neighbours of documents of which some have no vector, ties by position."""
    cosines = (vectors.astype(np.float64) @ vectors.T.astype(np.float64)).astype(np.float32).clip(-1, 1)
    indices, similarities = np.full((len(vectors), m), -1), np.zeros((len(vectors), m), np.float32)
    for row in np.flatnonzero(present):
        others = [other for other in np.flatnonzero(present) if other != row]
        nearest = sorted(others, key=lambda other: -cosines[row, other])[:m]
        indices[row, : len(nearest)] = nearest
        similarities[row, : len(nearest)] = cosines[row, nearest]
    return Neighbours(indices, similarities)


@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(KINDS),
    sizes=st.lists(st.integers(0, 40), min_size=1, max_size=8),
    most=st.integers(1, 45),
    absent=st.sampled_from([0.0, 0.2, 0.9]),
)
@settings(deadline=None)
def test_segments_compared_together_are_as_compared_alone(
    seed: int, kind: Kind, sizes: list[int], most: int, absent: float
) -> None:
    """To the bit, and as a brute-force sort: sizes below and above the limit of batching, copies, missing vectors."""
    rng = np.random.default_rng(seed)
    units, present = unit_vectors(kind(rng, sum(sizes), 7)), rng.random(sum(sizes)) >= absent
    units[~present] = 0
    stops = np.cumsum(sizes)
    segments = [
        Segment(int(stop) - size, int(stop), int(rng.integers(1, most + 1)))
        for stop, size in zip(stops, sizes, strict=True)
    ]

    together = find_neighbours_within(units, segments, present=present)

    for (start, stop, m), found in zip(segments, together, strict=True):
        documents = slice(start, stop)
        alone = find_neighbours(units[documents], m, present=present[documents])
        for expected in (alone, sort_all(units[documents], m, present[documents])):
            np.testing.assert_array_equal(found.indices, expected.indices)
            assert found.similarities.tobytes() == expected.similarities.tobytes()


def test_padding_is_no_neighbour() -> None:
    """Neither where the padding holds documents of the next segment nor beyond the last document."""
    vectors = unit_vectors(spread(np.random.default_rng(1), 4, 5))
    vectors[3] = vectors[0]

    indices, similarities = find_batched_neighbours(vectors, np.array([0, 3]), np.array([3, 1]), 4, None)

    assert sorted(indices[0, 0].tolist()) == [-1, -1, 1, 2]
    assert indices[1].tolist() == [[-1] * 4] * 3
    assert not similarities[1].any()


def test_copies_are_neighbours_but_not_of_themselves() -> None:
    """Copies tie by position, and none is its own neighbour; opposites come last."""
    vectors = np.array([[1, 0], [1, 0], [-1, 0], [1, 0]], np.float32)

    indices, similarities = find_batched_neighbours(vectors, np.array([0]), np.array([4]), 3, None)

    assert indices.tolist() == [[[1, 3, 2], [0, 3, 2], [0, 1, 3], [0, 1, 2]]]
    assert similarities.tolist() == [[[1, 1, -1], [1, 1, -1], [-1, -1, -1], [1, 1, -1]]]
