"""The stages of scoring in their order, for the documents of one request or of several together.

texts ─ embed → doc_vectors (n, d) ─ cluster → labels, distances ─ compare → neighbours, pairs, matrix

Embedding and clustering treat each document by itself, so documents of several requests go through them
together. Comparing stays within a request.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.bundle import Bundle
from scoring.clustering import Assignment, ClusterSummary, assign, summarize
from scoring.embedding.embedder import EmbeddedDocuments, Embedder
from scoring.outliers import nearer_share, outliers, unknown_tail
from scoring.similarity.cosine import cosine_matrix, unit_vectors
from scoring.similarity.neighbours import Neighbours, Segment, find_neighbours_within
from scoring.similarity.pairs import Pairs, find_pairs

SimilarityKind = Literal["neighbours", "pairs", "matrix", "none"]

#: At most this many pairs are returned: about 6 MB of JSON, an answer a client can still read.
MAX_PAIRS = 100_000


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """What to compute beside vectors and clusters.

    neighbours: how many most similar documents to find for each, ≥ 1. threshold: the lowest cosine of a pair,
    −1 to 1; at −1 every pair counts.
    """

    similarity: SimilarityKind = "neighbours"
    neighbours: int = 5
    threshold: float = 0.8


@dataclass(frozen=True, slots=True)
class ClusteredDocuments:
    """n documents with their vectors and clusters; no document's values depend on another document.

    outlier (n,) float32, as `outliers`; None where the bundle has no distance quantiles. units (n, d)
    float32 from `unit_vectors`.
    """

    embedded: EmbeddedDocuments
    assignment: Assignment
    outlier: NDArray[np.float32] | None
    units: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of the n documents of one request; every float is finite.

    outlier (n,) float32, as `outliers`; None where the bundle has no distance quantiles. matrix (n, n)
    float32. Of neighbours, pairs and matrix the one that `ScoringOptions.similarity` names is given; the
    others are None.
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
        """Keep `bundle` mapped, and its centroids as float64; nothing is computed yet."""
        self.bundle = bundle
        self._embedder = Embedder(bundle)
        self._centroids = bundle.centroids.astype(np.float64)

    def score(self, texts: Sequence[str], options: ScoringOptions) -> Scores:
        """Score n texts as one request.

        Time O(n·tokens + n·k·d + n²·d). Memory O(n·(d + k + m)) for m neighbours, O(n·(d + k) + pairs) for
        pairs, O(n²) for the matrix.
        """
        return self.score_vectors(self.embed(texts), options)

    def embed(self, texts: Sequence[str]) -> EmbeddedDocuments:
        """Return the document vectors of n texts; a long corpus may be embedded piece by piece."""
        return self._embedder.embed(texts)

    def score_vectors(self, embedded: EmbeddedDocuments, options: ScoringOptions) -> Scores:
        """Cluster and compare documents that are embedded already, as one request."""
        (scores,) = self.compare_all(self.cluster(embedded), [len(embedded.tokens)], [options])
        return scores

    def cluster(self, embedded: EmbeddedDocuments) -> ClusteredDocuments:
        """Assign each of n documents, of one request or of several, to its cluster: O(n·k·d)."""
        assignment = assign(embedded.doc_vectors, self._centroids, present=embedded.present)
        outlier = self._outliers(embedded, assignment)
        return ClusteredDocuments(embedded, assignment, outlier, unit_vectors(embedded.doc_vectors))

    def _outliers(self, embedded: EmbeddedDocuments, assignment: Assignment) -> NDArray[np.float32] | None:
        quantiles, usual = self.bundle.distance_quantiles, self.bundle.manifest.unknown_rate
        if quantiles is None:
            return None
        nearer = nearer_share(assignment.labels, assignment.distance, quantiles)
        return (
            nearer
            if usual is None
            else outliers(nearer, unknown_tail(embedded.tokens, embedded.known, usual))
        )

    def compare_all(
        self, clustered: ClusteredDocuments, sizes: Sequence[int], options: Sequence[ScoringOptions]
    ) -> list[Scores]:
        """Compare the documents of each request with each other, and return the scores of each request.

        `clustered` holds the documents of all requests one after another: `sizes[i]` documents of request i,
        which has `options[i]`. Neighbours of small requests are found together, which is quicker; the scores
        are the same as one by one.
        """
        units, present = clustered.units, clustered.embedded.present
        bounds = list(pairwise(accumulate(sizes, initial=0)))
        clusters = summarize(units, clustered.assignment.labels, sizes)
        requests = [i for i, option in enumerate(options) if option.similarity == "neighbours"]
        segments = [Segment(*bounds[i], options[i].neighbours) for i in requests]
        found = dict(zip(requests, find_neighbours_within(units, segments, present=present), strict=True))
        return [
            _scores(clustered, slice(*bound), options[i], clusters[i], found.get(i))
            for i, bound in enumerate(bounds)
        ]


def _scores(
    clustered: ClusteredDocuments,
    rows: slice,
    options: ScoringOptions,
    clusters: Sequence[ClusterSummary],
    neighbours: Neighbours | None,
) -> Scores:
    """Return the scores of the request with the documents `rows`; its neighbours, if it asks for them, are known."""
    embedded = clustered.embedded.part(rows)
    pairs = matrix = None
    if options.similarity == "pairs":
        units, present = clustered.units[rows], embedded.present
        pairs = find_pairs(units, options.threshold, present=present, limit=MAX_PAIRS)
    elif options.similarity == "matrix":
        matrix = cosine_matrix(clustered.units[rows])
    outlier = None if clustered.outlier is None else clustered.outlier[rows]
    return Scores(embedded, clustered.assignment.part(rows), outlier, clusters, neighbours, pairs, matrix)
