"""Clusters against scikit-learn and against differences in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from scoring.clustering import assign, summarize
from scoring.similarity.cosine import unit_vectors
from tests.support.document_vectors import (
    KINDS,
    Kind,
    Vectors,
    clustered,
    concentrated,
    extreme,
    spread,
    whole,
)


def distances(vectors: Vectors, centroids: Vectors) -> NDArray[np.float64]:
    """Return all Euclidean distances (n, k), by differences."""
    differences = vectors[:, None].astype(np.float64) - centroids.astype(np.float64)
    wide: NDArray[np.float64] = np.sqrt((differences**2).sum(axis=2))
    return wide


@pytest.mark.parametrize("kind", [spread, clustered])
@pytest.mark.parametrize("k", [1, 2, 12])
def test_labels_are_those_of_scikit_learn(kind: Kind, k: int) -> None:
    """A K-Means model and its centroids label documents it has not seen alike."""
    rng = np.random.default_rng(1)
    vectors = kind(rng, 600, 30)
    model = KMeans(k, n_init=1, random_state=1).fit(vectors[:300])

    assignment = assign(vectors, model.cluster_centers_)

    np.testing.assert_array_equal(assignment.labels, model.predict(vectors))
    np.testing.assert_allclose(assignment.distance, model.transform(vectors).min(axis=1), rtol=1e-5)


def test_labels_far_from_the_origin_are_those_of_float64_scikit_learn() -> None:
    """An offset a million times the spread costs no label, where float32 products would."""
    vectors = clustered(np.random.default_rng(2), 400, 10) + np.float32(1e4)
    model = KMeans(7, n_init=1, random_state=2).fit(vectors.astype(np.float64) - 1e4)
    centroids = (model.cluster_centers_ + 1e4).astype(np.float32)

    assignment = assign(vectors, centroids)

    np.testing.assert_array_equal(assignment.labels, distances(vectors, centroids).argmin(axis=1))
    np.testing.assert_allclose(assignment.distance, distances(vectors, centroids).min(axis=1), rtol=1e-5)


@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from([spread, concentrated, whole, extreme]),
    n=st.integers(0, 30),
    k=st.integers(1, 8),
    d=st.integers(1, 6),
)
@settings(deadline=None)
def test_assignments_are_those_of_differences(seed: int, kind: Kind, n: int, k: int, d: int) -> None:
    """Labels, distances and margins are what float64 differences give; exact ties go to the lower number."""
    vectors = kind(np.random.default_rng(seed), n + k, d).clip(-1e18, 1e18)
    vectors, centroids = vectors[:n], vectors[n:]
    far = distances(vectors, centroids)
    nearest = np.sort(far, axis=1)[:, :2]

    assignment = assign(vectors, centroids)

    # Sums of six rounded squares and their root differ in the last digits with the order of summation.
    rounding = 1e-14 if kind is not whole else 0.0
    clear = (nearest[:, -1] - nearest[:, 0] > rounding * nearest[:, -1]) | (kind is whole)
    np.testing.assert_array_equal(assignment.labels[clear], far.argmin(axis=1)[clear])
    chosen = np.take_along_axis(far, assignment.labels[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(chosen, nearest[:, 0], rtol=1e-14)
    np.testing.assert_allclose(assignment.distance, nearest[:, 0], rtol=1e-5, atol=1e-40)
    scale = np.abs(far).max(initial=1e-30)
    np.testing.assert_allclose(
        assignment.margin, nearest[:, -1] - nearest[:, 0], rtol=1e-5, atol=1e-12 * scale
    )
    assert (assignment.margin >= 0).all()


def test_a_document_at_a_centroid_has_distance_0() -> None:
    """Cancellation leaves no trace, however far from the origin."""
    centroids = spread(np.random.default_rng(3), 5, 50) + np.float32(1e3)

    assignment = assign(centroids, centroids)

    assert assignment.labels.tolist() == [0, 1, 2, 3, 4]
    assert not assignment.distance.any()


def test_equal_centroids_tie_for_the_lower_number_with_margin_0() -> None:
    """The runner-up is as near."""
    centroids = np.array([[5, 5], [1, 2], [1, 2]], np.float32)

    assignment = assign(np.array([[1, 1], [7, 2]], np.float32), centroids)

    assert assignment.labels.tolist() == [1, 0]
    assert assignment.margin[0] == 0


def test_a_single_cluster_has_margin_0() -> None:
    """There is no runner-up to be nearer than."""
    assignment = assign(np.ones((2, 3), np.float32), np.zeros((1, 3), np.float32))

    assert assignment.labels.tolist() == [0, 0]
    assert assignment.margin.tolist() == [0, 0]


def test_documents_without_a_vector_belong_to_no_cluster() -> None:
    """Their label is −1, their numbers are 0, and they count in no summary."""
    vectors = np.array([[1, 0], [0, 0], [1, 0]], np.float32)

    assignment = assign(vectors, np.zeros((2, 2), np.float32), present=np.array([True, False, True]))

    assert assignment.labels.tolist() == [0, -1, 0]
    assert assignment.distance.tolist() == [1, 0, 1]
    (summaries,) = summarize(unit_vectors(vectors), assignment.labels, [3])
    assert [summary.size for summary in summaries] == [2]


def test_clusters_that_occur_are_summarised_in_order() -> None:
    """Size and cohesion are those of the request's own documents."""
    units = unit_vectors(np.array([[1, 0], [0, 3], [2, 0], [0, -1], [1, 1]], np.float32))

    (summaries,) = summarize(units, np.array([7, 2, 7, 2, 4]), [5])

    assert [(summary.cluster, summary.size) for summary in summaries] == [(2, 2), (4, 1), (7, 2)]
    assert [summary.cohesion for summary in summaries] == [0, 1, 1]


def test_cohesion_is_the_mean_cosine_to_the_mean_direction() -> None:
    """As computed from its definition."""
    units = unit_vectors(clustered(np.random.default_rng(4), 50, 8))
    direction = units.sum(axis=0) / np.linalg.norm(units.sum(axis=0))

    ((summary,),) = summarize(units, np.zeros(50, np.int64), [50])

    assert summary.cohesion == pytest.approx(float((units @ direction).mean()), abs=1e-6)


def test_no_document_makes_no_cluster() -> None:
    """A request of empty texts has an empty list of clusters."""
    assert summarize(np.zeros((2, 3), np.float32), np.array([-1, -1]), [2]) == [[]]


@given(seed=st.integers(0, 2**32), kind=st.sampled_from(KINDS), sizes=st.lists(st.integers(0, 9), max_size=6))
@settings(deadline=None)
def test_requests_summarised_together_are_summarised_as_alone(
    seed: int, kind: Kind, sizes: list[int]
) -> None:
    """To the bit: no cluster extends from one request into the next, with documents without a vector among them."""
    rng = np.random.default_rng(seed)
    units, labels = unit_vectors(kind(rng, sum(sizes), 40)), rng.integers(-1, 3, sum(sizes))
    stops = np.cumsum(sizes, dtype=np.int64)

    together = summarize(units, labels, sizes)

    for (start, stop), summaries in zip(zip(stops - sizes, stops, strict=True), together, strict=True):
        (alone,) = summarize(units[start:stop], labels[start:stop], [stop - start])
        assert summaries == alone
        clusters, counts = np.unique(labels[start:stop], return_counts=True)
        occurring = zip(clusters[clusters >= 0], counts[clusters >= 0], strict=True)
        assert [(summary.cluster, summary.size) for summary in summaries] == list(occurring)
