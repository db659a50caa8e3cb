"""Pairs against brute force, thresholds equal to a similarity, and the limit."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.similarity.cosine import cosine_matrix, unit_vectors
from scoring.similarity.pairs import find_pairs
from tests.support.document_vectors import Kind, Vectors, clustered, copies, spread, units

UNLIMITED = 10_000_000


def find_all(vectors: Vectors, threshold: float) -> tuple[NDArray[np.int64], NDArray[np.int64], Vectors]:
    """Return first, second and similarity of all pairs, sorted by position."""
    cosines = (vectors.astype(np.float64) @ vectors.T.astype(np.float64)).astype(np.float32).clip(-1, 1)
    first, second = np.nonzero(np.triu(cosines >= np.float32(threshold), 1))
    return first, second, cosines[first, second]


@given(units(0, 70), st.floats(-1, 1))
@settings(deadline=None)
def test_pairs_are_those_of_brute_force(vectors: Vectors, threshold: float) -> None:
    """None is missing, none is added, and similarities are the same to the bit."""
    first, second, similarity = find_all(vectors, threshold)

    found = find_pairs(vectors, threshold, limit=UNLIMITED)

    np.testing.assert_array_equal(found.first, first)
    np.testing.assert_array_equal(found.second, second)
    np.testing.assert_array_equal(found.similarity, similarity)
    assert not found.truncated


@given(units(500, 1_200), st.floats(0.2, 1))
@settings(deadline=None, max_examples=20)
def test_pairs_in_several_blocks_are_those_of_brute_force(vectors: Vectors, threshold: float) -> None:
    """Block borders leave no trace."""
    first, second, similarity = find_all(vectors, threshold)

    found = find_pairs(vectors, threshold, limit=UNLIMITED)

    np.testing.assert_array_equal(found.first * len(vectors) + found.second, first * len(vectors) + second)
    np.testing.assert_array_equal(found.similarity, similarity)


@given(units(2, 40), st.data())
@settings(deadline=None)
def test_a_pair_reaches_the_similarity_that_is_reported_for_it(vectors: Vectors, data: st.DataObject) -> None:
    """A threshold equal to a reported similarity includes its pair; the next float above does not."""
    i, j = sorted(data.draw(st.permutations(range(len(vectors))))[:2])
    similarity = cosine_matrix(vectors)[i, j]

    reached = find_pairs(vectors, float(similarity), limit=UNLIMITED)
    missed = find_pairs(vectors, float(np.nextafter(similarity, np.float32(2))), limit=UNLIMITED)

    assert (i, j) in set(zip(reached.first.tolist(), reached.second.tolist(), strict=True))
    assert (i, j) not in set(zip(missed.first.tolist(), missed.second.tolist(), strict=True))


@given(units(2, 60), st.integers(1, 200))
@settings(deadline=None)
def test_the_most_similar_pairs_are_kept_at_the_limit(vectors: Vectors, limit: int) -> None:
    """Of equally similar ones those first by position are kept; `truncated` says that there were more."""
    first, second, similarity = find_all(vectors, -1)
    kept = np.sort(np.lexsort((second, first, -similarity))[:limit])

    found = find_pairs(vectors, -1, limit=limit)

    np.testing.assert_array_equal(found.first, first[kept])
    np.testing.assert_array_equal(found.second, second[kept])
    np.testing.assert_array_equal(found.similarity, similarity[kept])
    assert found.truncated == (len(first) > limit)


@pytest.mark.parametrize("kind", [spread, copies])
def test_the_limit_holds_across_blocks(kind: Kind) -> None:
    """Pairs that are dropped before all blocks are compared would be dropped at the end too."""
    vectors = unit_vectors(kind(np.random.default_rng(1), 1_200, 5))
    first, second, similarity = find_all(vectors, 0)
    kept = np.sort(np.lexsort((second, first, -similarity))[:3_000])

    found = find_pairs(vectors, 0, limit=3_000)

    np.testing.assert_array_equal(found.first, first[kept])
    np.testing.assert_array_equal(found.second, second[kept])


def test_documents_without_a_vector_are_in_no_pair() -> None:
    """Not even at a threshold that every pair reaches; positions are those in the request."""
    vectors = unit_vectors(np.ones((4, 2), np.float32))
    present = np.array([True, False, True, True])

    found = find_pairs(vectors, -1, limit=UNLIMITED, present=present)

    assert found.first.tolist() == [0, 0, 2]
    assert found.second.tolist() == [2, 3, 3]


@pytest.mark.parametrize(("kind", "threshold"), [(clustered, 0.99), (copies, -1)])
def test_memory_does_not_grow_with_the_square_of_documents(kind: Kind, threshold: float) -> None:
    """Not even a byte a pair is held at once, not even when every pair reaches the threshold."""
    n_docs = 8_000
    vectors = unit_vectors(kind(np.random.default_rng(2), n_docs, 20))

    tracemalloc.start()
    try:
        find_pairs(vectors, threshold, limit=10_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < n_docs**2
