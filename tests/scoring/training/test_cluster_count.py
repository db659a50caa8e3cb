"""The choice of the number of clusters."""

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.training.cluster_count import choose_cluster_count, is_weak
from scoring.training.kmeans import fit_clusters


def test_auto_finds_the_number_of_separate_groups_and_gives_the_reason(blobs: NDArray[np.float32]) -> None:
    """Two halves agree on well separated groups, and the reason names their number."""
    clusters = fit_clusters(blobs, "auto", seed=3)

    assert len(clusters.centroids) == 6
    assert dict(clusters.agreements)[6] == pytest.approx(1)
    assert clusters.reason.startswith(
        "6 clusters, of 2, 3, 4, 5, 6, 8, 10, 12: two halves of the documents agree"
    )
    assert "weak" not in clusters.reason


def test_documents_without_groups_are_weak_evidence() -> None:
    """Whatever K-Means finds in noise, another half does not show it."""
    noise = np.random.default_rng(1).normal(size=(48, 20)).astype(np.float32)

    clusters = fit_clusters(noise, "auto", seed=1)

    assert clusters.weak
    assert "weak evidence" in clusters.reason


def test_a_number_that_was_given_is_not_weak() -> None:
    """Only what was chosen by agreement can lack it."""
    assert not is_weak([], 7)
    assert is_weak([(2, 0.3), (3, 0.2)], 2)
    assert not is_weak([(2, 0.9), (3, 0.2)], 2)


def test_more_clusters_must_agree_nearly_as_well() -> None:
    """Twice as many may cost 0.042."""
    assert choose_cluster_count([(5, 0.90), (6, 0.50), (10, 0.87), (12, 0.50)], 500)[0] == 10
    assert choose_cluster_count([(5, 0.90), (6, 0.50), (10, 0.85), (12, 0.50)], 500)[0] == 5


def test_a_number_agrees_better_than_those_next_to_it() -> None:
    """Even if ln k makes up for the difference; at the end nobody knows what comes next."""
    assert choose_cluster_count([(5, 0.90), (10, 0.89)], 500)[0] == 5
    assert choose_cluster_count([(5, 0.90), (6, 0.50), (48, 0.77), (64, 0.80)], 500)[0] == 5
    assert choose_cluster_count([(5, 0.70), (6, 0.50), (48, 0.77), (64, 0.80)], 500)[0] == 64
    assert choose_cluster_count([(2, 0.4)], 500)[0] == 2


def test_halves_that_agree_less_than_by_chance_are_weak_evidence() -> None:
    """The agreement of chance is 0 on average only, so that of a few documents can be below it for every number."""
    for agreements in ([(2, -0.01)], [(2, -0.01), (3, -0.02)], [(2, -0.03), (3, -0.02), (4, -0.02)]):
        k, reason = choose_cluster_count(agreements, 24)

        assert dict(agreements)[k] == max(dict(agreements).values())
        assert "weak evidence" in reason


def test_auto_makes_one_cluster_of_few_documents() -> None:
    """Five documents, or copies of one document, are too few to divide."""
    few = np.eye(5, dtype=np.float32)

    assert len(fit_clusters(few, "auto", seed=1).centroids) == 1
    assert len(fit_clusters(np.ones((100, 4), np.float32), "auto", seed=1).centroids) == 1


def test_progress_counts_the_halvings(blobs: NDArray[np.float32]) -> None:
    """Each halving of `auto` is a step, and the last fit is one."""
    steps: list[tuple[str, int, int]] = []

    fit_clusters(blobs[::3], "auto", 1, lambda *step: steps.append(step))

    assert steps == [*(("choose k", i, 10) for i in range(1, 11)), ("cluster", 1, 1)]
