"""How far documents lie from the centroids when they are not among those that a model was trained on.

A training document has a part in the vectors of its own words, most of all in those of words that no other document
has, and in the centroid of its cluster. A new document has no such part, so its distance cannot be held against those
of training documents: here each of these is placed as if it had been left out, of the words and of the centroid.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from scoring.bundle.model import Model
from scoring.clustering import assign
from scoring.training.fit import embed_corpus
from scoring.training.kmeans import distance_quantiles


def measure_unseen_distances(
    model: Model, documents: Sequence[Sequence[str]], unseen_vectors: NDArray[np.float32], threads: int = 1
) -> NDArray[np.float32]:
    """Return the quantiles (k, QUANTILES) of the distances of n tokenised documents, each as if left out.

    unseen_vectors (V, d): the words' vectors as far as other documents than the one that has them made them, as
    `append_lsa` says. A document belongs to the centroid that is nearest now; one that is alone in its cluster tells
    nothing of new ones, and a cluster without others has the quantiles of all documents. Time and memory are twice
    those of embedding the documents. Its weakness: the directions of the dimensions and FastText's vectors still know
    the document. The share of nearer documents, which should be 0.5 on average, was 0.49 to 0.65 for 100 news stories
    held out of a model of 200 (1, 8, 20 and 32 clusters, three draws, two epochs).
    """
    unseen = replace(model, word_vectors=unseen_vectors)
    centroids = model.centroids
    with threadpool_limits(threads):
        trained, _ = embed_corpus(model, documents)
        doc_vectors, present = embed_corpus(unseen, documents)
        trained, doc_vectors = trained[present], doc_vectors[present]
        own = assign(trained, centroids).labels
        labels = assign(doc_vectors, centroids).labels
    distance, told = _left_out(doc_vectors, trained, labels, own, centroids)
    if not told.any():
        return np.asarray(model.distance_quantiles)
    quantiles = distance_quantiles(distance[told], labels[told], len(centroids))
    untold = np.bincount(labels[told], minlength=len(centroids)) == 0
    quantiles[untold] = np.quantile(distance[told], np.linspace(0.0, 1.0, quantiles.shape[1]))
    return quantiles


def _left_out(
    doc_vectors: NDArray[np.float32],
    trained: NDArray[np.float32],
    labels: NDArray[np.int64],
    own: NDArray[np.int64],
    centroids: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the distances (n,) of documents from centroids without them, and whether there is such a centroid (n,).

    doc_vectors and trained (n, d) are where they lie as if new and as trained on, labels and own (n,) their clusters
    there. The mean of the others of a cluster of m is (m·c − x) / (m − 1).
    """
    sizes = np.bincount(own, minlength=len(centroids))[labels]
    at_home = own == labels
    of_others = (sizes[:, None] * centroids[labels] - trained) / np.maximum(sizes - 1, 1)[:, None]
    nearest = np.where(at_home[:, None], of_others, centroids[labels])
    distance = np.linalg.norm(doc_vectors - nearest, axis=1).astype(np.float32)
    return distance, ~(at_home & (sizes == 1))
