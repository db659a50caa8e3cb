"""From word vectors and a corpus to a whole model: weights of words, common directions, clusters, terms.

word vectors + tokens ── weights ── documents (n, d) ── directions ── clusters, quantiles, terms ──→ Model
"""

import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from scoring.bundle.bundle import open_bundle, write_bundle
from scoring.bundle.model import Model
from scoring.bundle.manifest import Pooling
from scoring.training.word_vectors import WordVectors
from scoring.embedding.embedder import Embedder
from scoring.errors import CorpusError
from scoring.progress import Progress, silent
from scoring.tokens import tokenize
from scoring.training.kmeans import CorpusClusters, ClusterCount, describe_centroids, fit_clusters
from scoring.training.sif import common_components, sif_weights
from scoring.training.terms import descriptive_terms

# Documents are embedded in pieces of this many: a step of the progress bar.
_PIECE = 1_000
# A word that was never seen has a vector of n-grams alone, a guess; with `sif` it counts less than a rare word.
_UNKNOWN_WEIGHT = 0.3
# Arora, Liang and Ma remove one direction; more did not help on held-out news (bench/quality.py).
_COMPONENTS = 1


@dataclass(frozen=True, slots=True)
class FittingOptions:
    """How documents are pooled and clustered.

    threads: with 1 the same seed gives the same model, bit for bit; more are quicker.
    """

    name: str
    pooling: Pooling = "sif"
    clusters: Clusters = "auto"
    seed: int = 1
    threads: int = 1


def tokenize_corpus(texts: Iterable[str], progress: Progress = silent) -> list[list[str]]:
    """Return the tokens of every text; equal tokens share one string, so a token costs 8 bytes.

    Raises: CorpusError when there is no text, or no word in any.
    """
    shared: dict[str, str] = {}
    documents = []
    for text in texts:
        documents.append([shared.setdefault(token, token) for token in tokenize(text)])
        if len(documents) % _PIECE == 0:
            progress("read", len(documents), len(documents))
    progress("read", len(documents), len(documents))
    if not documents:
        raise CorpusError("the corpus has no documents")
    if not shared:
        raise CorpusError(f"the corpus has {len(documents)} documents, but no word in any of them")
    return documents


def pooling_model(
    vectors: WordVectors, options: FittingOptions, counts: NDArray[np.int64] | None = None
) -> Model:
    """Return a model that can pool but has no clusters yet, only a centroid of zeros.

    With `counts` (V,) the words get the weights of `sif`, and unknown ones `_UNKNOWN_WEIGHT`.
    """
    return Model(
        name=options.name,
        words=vectors.words,
        word_vectors=vectors.word_vectors,
        word_weights=None if counts is None else sif_weights(counts),
        unknown_weight=1.0 if counts is None else _UNKNOWN_WEIGHT,
        ngram_vectors=vectors.ngram_vectors,
        min_n=vectors.min_n,
        max_n=vectors.max_n,
        centroids=np.zeros((1, vectors.word_vectors.shape[1]), np.float32),
        pooling=options.pooling,
    )


def count_words(documents: Iterable[Sequence[str]], words: Iterable[str]) -> NDArray[np.int64]:
    """Return how often each of V words occurs in tokenised documents, (V,)."""
    found = Counter(token for tokens in documents for token in tokens)
    return np.fromiter((found[word] for word in words), dtype=np.int64)


def fit_model(
    model: Model,
    documents: Sequence[Sequence[str]],
    options: FittingOptions,
    *,
    centroids: NDArray[np.float32] | None = None,
    progress: Progress = silent,
) -> Model:
    """Return `model` with everything that tokenised documents tell: directions, clusters, quantiles, terms.

    Given `centroids` (k, d) are kept and only described. Documents without a vector are left out. `training`
    says what was found. Needs memory for the document vectors, 4·n·d bytes, and room for the model's arrays
    in the folder for temporary files.

    Raises: CorpusError when no document has a vector, or fewer than there shall be clusters.
    """
    with threadpool_limits(options.threads):
        doc_vectors, present = _embed(model, documents, progress)
        if model.pooling == "sif":
            components = common_components(doc_vectors, _COMPONENTS)
            doc_vectors -= (doc_vectors @ components.T) @ components
            model = replace(model, components=components)
        if centroids is None:
            clustering = fit_clusters(doc_vectors[present], options.clusters, options.seed, progress)
        else:
            clustering = describe_centroids(doc_vectors[present], centroids)
    kept = [tokens for tokens, has_vector in zip(documents, present, strict=True) if has_vector]
    return replace(
        model,
        centroids=clustering.centroids,
        distance_quantiles=clustering.quantiles,
        terms=descriptive_terms(kept, clustering.labels, len(clustering.centroids)),
        training=_facts(documents, clustering),
    )


def _embed(
    model: Model, documents: Sequence[Sequence[str]], progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Embed with a bundle of `model`, so that training and serving cannot differ."""
    vectors, present = [], []
    with tempfile.TemporaryDirectory(prefix="scorepool-") as folder:
        path = Path(folder, "bundle")
        write_bundle(path, model)
        embedder = Embedder(open_bundle(path))
        for start in range(0, len(documents), _PIECE):
            piece = documents[start : start + _PIECE]
            embedded = embedder.embed([" ".join(tokens) for tokens in piece])
            vectors.append(embedded.doc_vectors)
            present.append(embedded.present)
            progress("embed", start + len(piece), len(documents))
    if not any(map(np.any, present)):
        raise CorpusError(f"no word of the corpus's {len(documents)} documents is known to the model")
    return np.concatenate(vectors), np.concatenate(present)


def _facts(documents: Sequence[Sequence[str]], clustering: CorpusClusters) -> dict[str, Any]:
    return {
        "documents": len(documents),
        "tokens": sum(map(len, documents)),
        "clusters": clustering.reason,
        "silhouettes": {str(k): silhouette for k, silhouette in clustering.silhouettes},
    }
