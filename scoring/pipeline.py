"""The order of the stages; nothing else knows it.

texts ─ embed → doc_vectors (n, d) ─ cluster → labels, distances ─ similarity → neighbours, pairs, matrix
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.bundle import Bundle
from scoring.clustering import Assignment, ClusterSummary, assign, outlier_share, summarize
from scoring.embedding.embedder import EmbeddedDocuments, Embedder
from scoring.similarity.cosine import cosine_matrix, unit_vectors
from scoring.similarity.neighbours import Segment, Neighbours, find_neighbours_within
from scoring.similarity.pairs import Pairs, find_pairs

SimilarityKind = Literal["neighbours", "pairs", "matrix", "none"]

#: Called with a stage's name ("embed", "cluster", "similarity") at the moment it ends.
Observe = Callable[[str], None]

#: At most this many pairs are returned: about 6 MB of JSON, an answer a client can still read.
MAX_PAIRS = 100_000


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """What to compute beside vectors and clusters.

    neighbours: the most similar documents wanted for each, ≥ 1. threshold: the least cosine of a pair.
    """

    similarity: SimilarityKind = "neighbours"
    neighbours: int = 5
    threshold: float = 0.8


@dataclass(frozen=True, slots=True)
class ClusteredDocuments:
    """n documents with their vectors and their place in the model, each of which depends on no other document.

    outlier (n,) float32 is None where the bundle was made without a corpus; units (n, d) float32.
    """

    embedded: EmbeddedDocuments
    assignment: Assignment
    outlier: NDArray[np.float32] | None
    units: NDArray[np.float32]

    def part(self, start: int, stop: int) -> "ClusteredDocuments":
        """Return the documents from `start` to before `stop`, without copying."""
        rows = slice(start, stop)
        embedded, assignment = self.embedded, self.assignment
        return ClusteredDocuments(
            EmbeddedDocuments(
                embedded.doc_vectors[rows],
                embedded.tokens[rows],
                embedded.known[rows],
                embedded.present[rows],
            ),
            Assignment(assignment.labels[rows], assignment.distance[rows], assignment.margin[rows]),
            None if self.outlier is None else self.outlier[rows],
            self.units[rows],
        )


@dataclass(frozen=True, slots=True)
class Scores:
    """What is known of n documents; every float is finite.

    outlier (n,) float32 is None where the bundle was made without a corpus. Of the last three at most one is
    given, as `ScoringOptions.similarity` says.
    """

    embedded: EmbeddedDocuments
    assignment: Assignment
    outlier: NDArray[np.float32] | None
    clusters: Sequence[ClusterSummary]
    neighbours: Neighbours | None
    pairs: Pairs | None
    matrix: NDArray[np.float32] | None


class Scorer:
    """Scores batches of texts with one bundle. It keeps caches and belongs to one thread."""

    def __init__(self, bundle: Bundle) -> None:
        """Keep `bundle` mapped; nothing is computed yet."""
        self.bundle = bundle
        self._embedder = Embedder(bundle)

    def score(self, texts: Sequence[str], options: ScoringOptions, observe: Observe | None = None) -> Scores:
        """Score n texts together: time O(n·tokens + n²·d), memory O(n·(d + m)), O(n²) for `matrix` only."""
        return self.score_vectors(self.embed(texts, observe), options, observe)

    def embed(self, texts: Sequence[str], observe: Observe | None = None) -> EmbeddedDocuments:
        """Return the document vectors of n texts; a long corpus may be embedded piece by piece."""
        embedded = self._embedder.embed(texts)
        _tell(observe, "embed")
        return embedded

    def score_vectors(self, embedded: EmbeddedDocuments, options: ScoringOptions, observe: Observe | None = None) -> Scores:
        """Cluster and compare documents that are embedded already."""
        clustered = self.cluster(embedded)
        _tell(observe, "cluster")
        (scores,) = self.compare_all(clustered, [len(embedded.tokens)], [options])
        _tell(observe, "similarity")
        return scores

    def cluster(self, embedded: EmbeddedDocuments) -> ClusteredDocuments:
        """Find the place of every document in the model; documents of several requests may go together."""
        bundle = self.bundle
        assignment = assign(embedded.doc_vectors, bundle.centroids, present=embedded.present)
        outlier = None
        if bundle.distance_quantiles is not None:
            outlier = outlier_share(assignment.labels, assignment.distance, bundle.distance_quantiles)
        return ClusteredDocuments(embedded, assignment, outlier, unit_vectors(embedded.doc_vectors))

    def compare_all(self, clustered: ClusteredDocuments, sizes: Sequence[int], options: Sequence[ScoringOptions]) -> list[Scores]:
        """Compare the documents of each request with each other.

        Request i wants `options[i]` and has the `sizes[i]` documents after those of the requests before it.
        Small requests for neighbours are compared together; the scores are those of one by one.
        """
        units, present = clustered.units, clustered.embedded.present
        bounds = list(pairwise(accumulate(sizes, initial=0)))
        clusters = summarize(units, clustered.assignment.labels, sizes)
        wanting = [i for i, option in enumerate(options) if option.similarity == "neighbours"]
        groups = [Segment(*bounds[i], options[i].neighbours) for i in wanting]
        near = dict(zip(wanting, find_neighbours_within(units, groups, present=present), strict=True))
        return [
            _compared(clustered.part(*bound), options[i], clusters[i], near.get(i))
            for i, bound in enumerate(bounds)
        ]


def _compared(
    clustered: ClusteredDocuments, options: ScoringOptions, clusters: Sequence[ClusterSummary], near: Neighbours | None
) -> Scores:
    """Return the scores of one request whose neighbours, where it wants them, have been found."""
    units, present = clustered.units, clustered.embedded.present
    near_pairs = full = None
    if options.similarity == "pairs":
        near_pairs = find_pairs(units, options.threshold, present=present, limit=MAX_PAIRS)
    elif options.similarity == "matrix":
        full = cosine_matrix(units)
    return Scores(clustered.embedded, clustered.assignment, clustered.outlier, clusters, near, near_pairs, full)


def _tell(observe: Observe | None, stage: str) -> None:
    if observe is not None:
        observe(stage)
