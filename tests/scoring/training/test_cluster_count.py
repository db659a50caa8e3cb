"""The choice of the number of clusters; scikit-learn's silhouette is the oracle."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import silhouette_score

from scoring.training.kmeans import fit_clusters


def test_auto_finds_the_number_of_separate_groups_and_gives_the_reason(blobs: NDArray[np.float32]) -> None:
    """The number of well separated groups has the highest silhouette, and the reason names it."""
    clusters = fit_clusters(blobs, "auto", seed=3)

    scores = dict(clusters.silhouettes)
    assert len(clusters.centroids) == 6
    assert scores[6] == max(scores.values())
    assert scores[6] == pytest.approx(silhouette_score(blobs, clusters.labels))
    assert clusters.reason.startswith("6 clusters have the highest mean silhouette, 0.")


def test_auto_makes_one_cluster_of_few_documents() -> None:
    """Five documents, or copies of one document, are too few to divide."""
    few = np.eye(5, dtype=np.float32)

    assert len(fit_clusters(few, "auto", seed=1).centroids) == 1
    assert len(fit_clusters(np.ones((100, 4), np.float32), "auto", seed=1).centroids) == 1


def test_progress_counts_the_candidates(blobs: NDArray[np.float32]) -> None:
    """Each candidate of `auto` is a step, and the last fit is one."""
    steps: list[tuple[str, int, int]] = []

    clusters = fit_clusters(blobs, "auto", 1, lambda *step: steps.append(step))

    tried = len(clusters.silhouettes)
    assert steps == [*(("choose k", i, tried) for i in range(1, tried + 1)), ("cluster", 1, 1)]
