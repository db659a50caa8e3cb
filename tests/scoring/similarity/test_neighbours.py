"""Neighbours against a brute-force sort and scikit-learn, with degenerate inputs too."""

import tracemalloc
from pathlib import Path
from random import Random

import numpy as np
import pytest
from gensim.test.utils import datapath
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from scoring.similarity.candidates import MAX_CANDIDATE_NEIGHBOURS
from scoring.similarity.cosine import unit_vectors
from scoring.similarity.neighbours import Neighbours, find_neighbours
from tests.support.document_vectors import (
    KINDS,
    Kind,
    Vectors,
    clustered,
    copies,
    half_identical,
    spread,
    units,
)


def sort_all(vectors: Vectors, m: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return indices and cosines of each one's m nearest; ties, of float64 cosines rounded to float32, by position."""
    cosines = (vectors.astype(np.float64) @ vectors.T.astype(np.float64)).astype(np.float32).clip(-1, 1)
    np.fill_diagonal(cosines, -np.inf)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, : min(m, len(vectors) - 1)]
    return order, np.take_along_axis(cosines, order, axis=1)


def assert_sort_all(found: Neighbours, vectors: Vectors, m: int) -> None:
    """Compare with the brute-force sort, padding included."""
    indices, cosines = sort_all(vectors, m)
    padding = ((0, 0), (0, m - indices.shape[1]))
    np.testing.assert_array_equal(found.indices, np.pad(indices, padding, constant_values=-1))
    np.testing.assert_array_equal(found.similarities, np.pad(cosines, padding))


@given(units(1, 60), st.integers(1, 70))
@settings(deadline=None)
def test_few_documents_have_the_neighbours_of_a_brute_force_sort(vectors: Vectors, m: int) -> None:
    """Indices and similarities are the same to the bit, with ties and with fewer than m others."""
    assert_sort_all(find_neighbours(vectors, m), vectors, m)


@given(units(401, 1_400), st.integers(1, 40))
@settings(deadline=None, max_examples=40)
def test_many_documents_have_the_neighbours_of_a_brute_force_sort(vectors: Vectors, m: int) -> None:
    """Choosing candidates by float32 products changes nothing, for any documents."""
    assert_sort_all(find_neighbours(vectors, m), vectors, m)


@pytest.mark.parametrize("kind", KINDS)
def test_documents_in_many_leaves_have_the_neighbours_of_a_brute_force_sort(
    kind: Kind,
) -> None:
    """Four leaves and more are compared with one another, and candidates are pruned in between."""
    vectors = unit_vectors(kind(np.random.default_rng(5), 2_700, 30))

    assert_sort_all(find_neighbours(vectors, 3), vectors, 3)


@pytest.mark.parametrize("m", [MAX_CANDIDATE_NEIGHBOURS, MAX_CANDIDATE_NEIGHBOURS + 1, 700])
def test_any_number_of_neighbours_can_be_asked_for(m: int) -> None:
    """Results are as exact for more neighbours than candidates are searched for."""
    vectors = unit_vectors(clustered(np.random.default_rng(6), 701, 8))

    assert_sort_all(find_neighbours(vectors, m), vectors, m)


def test_windows_of_real_texts_have_scikit_learns_neighbours() -> None:
    """On overlapping windows of news, as means of random word vectors, both find the same."""
    text = Path(datapath("lee_background.cor")).read_text("utf-8")
    words, rows = np.unique(text.lower().split(), return_inverse=True)
    word_vectors = spread(np.random.default_rng(7), len(words), 100)
    sums = np.vstack((np.zeros((1, 100)), np.cumsum(word_vectors[rows], axis=0, dtype=np.float64)))
    vectors = unit_vectors((sums[60::40] - sums[:-60:40]).astype(np.float32))
    oracle = NearestNeighbors(n_neighbors=11, metric="cosine", algorithm="brute").fit(vectors)
    distances, indices = oracle.kneighbors(vectors.astype(np.float64))

    found = find_neighbours(vectors, 10)

    np.testing.assert_array_equal(found.indices, indices[:, 1:])
    np.testing.assert_allclose(found.similarities, 1 - distances[:, 1:], atol=1e-5)


@pytest.mark.parametrize("n", [20, 200, 900])
@pytest.mark.parametrize("m", [3, 300])
def test_similarities_that_are_reported_as_equal_are_in_order_of_position(n: int, m: int) -> None:
    """Also where float64 tells them apart, whichever way the neighbours are found."""
    angles = np.random.default_rng(10).permutation(n) * 4e-8
    vectors = unit_vectors(np.stack((np.cos(0.7 + angles), np.sin(0.7 + angles)), axis=1).astype(np.float32))
    exact = vectors.astype(np.float64) @ vectors.T.astype(np.float64)

    found = find_neighbours(vectors, m)

    assert len(np.unique(exact)) > len(np.unique(exact.astype(np.float32).clip(-1, 1)))
    assert_sort_all(found, vectors, m)
    ties = np.diff(found.similarities) == 0
    assert ties.any()
    assert (np.diff(found.indices)[ties & (found.indices[:, 1:] >= 0)] > 0).all()


@given(units(2, 60), st.integers(1, 5), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_permuting_documents_permutes_similarities_to_the_bit(
    vectors: Vectors, m: int, random: Random
) -> None:
    """The position of a document matters only for the order of ties."""
    order = random.sample(range(len(vectors)), len(vectors))

    np.testing.assert_array_equal(
        find_neighbours(vectors[order], m).similarities, find_neighbours(vectors, m).similarities[order]
    )


@pytest.mark.parametrize("n", [20, 900])
def test_documents_without_a_vector_are_no_neighbours(n: int) -> None:
    """The others have the neighbours that they have without them."""
    vectors = unit_vectors(spread(np.random.default_rng(8), n, 6))
    present = np.arange(n) % 3 != 1
    vectors[~present] = 0
    alone = find_neighbours(vectors[present], 4)

    found = find_neighbours(vectors, 4, present=present)

    np.testing.assert_array_equal(found.indices[present], np.flatnonzero(present)[alone.indices])
    np.testing.assert_array_equal(found.similarities[present], alone.similarities)
    assert (found.indices[~present] == -1).all()
    assert not found.similarities[~present].any()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_document_alone_has_no_neighbours(n: int) -> None:
    """For no document, one, or two of which one has no vector, all rows are padding."""
    present = np.arange(n) == 0

    found = find_neighbours(unit_vectors(np.ones((n, 3), np.float32)), 2, present=present)

    assert found.indices.tolist() == [[-1, -1]] * n
    assert found.similarities.tolist() == [[0, 0]] * n


def test_zero_vectors_are_each_others_neighbours_by_position() -> None:
    """Documents whose word vectors sum to zero have a cosine of 0 with every other."""
    assert_sort_all(find_neighbours(np.zeros((500, 3), np.float32), 3), np.zeros((500, 3), np.float32), 3)


@pytest.mark.parametrize("kind", [clustered, half_identical, copies])
def test_memory_does_not_grow_with_the_square_of_documents(
    kind: Kind,
) -> None:
    """Not even a byte a pair is held at once, not even when all candidates tie."""
    n_docs = 8_000
    vectors = unit_vectors(kind(np.random.default_rng(9), n_docs, 20))

    tracemalloc.start()
    try:
        find_neighbours(vectors, 10)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < n_docs**2
