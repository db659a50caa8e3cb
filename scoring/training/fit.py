"""Word vectors and tokenised documents to a whole model: pooling weights, components, clusters, terms.

word vectors, documents ─ weights → doc_vectors (n, d) ─ components → doc_vectors ─ K-Means → clusters, terms → Model
"""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from scoring.bundle.bundle import Bundle, open_bundle, write_bundle
from scoring.bundle.manifest import Pooling
from scoring.bundle.model import Model
from scoring.bundle.rows import SelectedRows
from scoring.embedding.embedder import Embedder
from scoring.embedding.norms import inverse_norms
from scoring.embedding.tfidf import scale_to_unit_length
from scoring.errors import CorpusError
from scoring.progress import Progress, silent
from scoring.tokens.names import TokenizerName
from scoring.tokens.tokenizer import Tokenizer
from scoring.training.cluster_count import CountOrAuto
from scoring.training.kmeans import CorpusClusters, describe_centroids, fit_clusters
from scoring.training.sif import common_components
from scoring.training.terms import descriptive_terms
from scoring.training.unknown_rate import fit_unknown_rate
from scoring.training.word_vectors import WordVectors

# Documents that are read or embedded between two reports of progress.
_DOCS_PER_STEP = 1_000
# The vector of an unknown word, from n-grams alone, is a guess; it weighs this much of a rare word.
_UNKNOWN_WEIGHT = 0.3
#: Pooling that needs a corpus, for the frequencies of words and what documents share.
POOLING_BY_FREQUENCY = ("sif", "tfidf")


@dataclass(frozen=True, slots=True)
class FittingOptions:
    """How documents are pooled and clustered; `name` is the model's.

    threads: of FastText and the numerical libraries; with 1 the same seed gives the same model, bit for bit; more
    are quicker.
    """

    name: str
    pooling: Pooling = "tfidf"
    tokenizer: TokenizerName = "letters"
    clusters: CountOrAuto = "auto"
    seed: int = 1
    threads: int = 1

    @property
    def components(self) -> int:
        """How many directions that all documents share are taken from their vectors: one, as Arora, Liang and Ma do."""
        return 1 if self.pooling in POOLING_BY_FREQUENCY else 0


def tokenize_corpus(
    texts: Iterable[str], tokenizer: TokenizerName, progress: Progress = silent
) -> list[list[str]]:
    """Return the tokens of every text; equal tokens share one string, so a token takes 8 bytes.

    Raises: CorpusError when there is no text, or no word in any.
    """
    tokenize = Tokenizer(tokenizer).tokenize
    shared: dict[str, str] = {}
    documents = []
    for text in texts:
        documents.append([shared.setdefault(token, token) for token in tokenize(text)])
        if len(documents) % _DOCS_PER_STEP == 0:
            progress("read", len(documents), len(documents))
    progress("read", len(documents), len(documents))
    if not documents:
        raise CorpusError("the corpus has no documents")
    if not shared:
        raise CorpusError(f"the corpus has no word in any of its documents, {len(documents)} in all")
    return documents


def pooling_model(
    vectors: WordVectors, options: FittingOptions, weights: NDArray[np.float32] | None = None
) -> Model:
    """Return a model that can embed documents but has no clusters yet, only one centroid, of zeros.

    weights (V,): those of `pooling_weights`; unknown words get a share of the largest. Where they are None, all words
    have 1, or with `fasttext` that of their norms.
    """
    unknown_weight = 1.0 if weights is None else _UNKNOWN_WEIGHT * float(weights.max())
    if options.pooling == "fasttext":
        weights = inverse_norms(vectors.word_vectors)
    return Model(
        name=options.name,
        words=vectors.words,
        word_vectors=vectors.word_vectors,
        word_weights=weights,
        unknown_weight=unknown_weight,
        ngram_vectors=vectors.ngram_vectors,
        min_n=vectors.min_n,
        max_n=vectors.max_n,
        centroids=np.zeros((1, vectors.word_vectors.shape[1]), np.float32),
        pooling=options.pooling,
        tokenizer=options.tokenizer,
    )


def fit_model(
    model: Model,
    documents: Sequence[Sequence[str]],
    options: FittingOptions,
    *,
    centroids: NDArray[np.float32] | None = None,
    progress: Progress = silent,
) -> Model:
    """Return `model` with what is fitted to n tokenised documents: components, clusters, quantiles, terms.

    With `centroids` (k, d), these are kept instead of fitted. Documents without a vector are left out. The model's
    `training` holds the facts of the fit. Memory: 4·n·d bytes for the document vectors; disk: the vectors
    of the corpus's words once more, in the folder for temporary files.

    Raises: CorpusError when no document has a vector, or fewer distinct documents have one than clusters are asked
    for.
    """
    with threadpool_limits(options.threads):
        doc_vectors, present = embed_corpus(model, documents, progress)
        if not present.any():
            raise CorpusError(f"no word of the corpus is known to the model; documents: {len(documents)}")
        if options.components:
            components = common_components(doc_vectors, options.components)
            doc_vectors -= (doc_vectors @ components.T) @ components
            model = replace(model, components=components)
        if model.pooling == "tfidf":
            scale_to_unit_length(doc_vectors)
        if centroids is None:
            clusters = fit_clusters(doc_vectors[present], options.clusters, options.seed, progress)
        else:
            clusters = describe_centroids(doc_vectors[present], centroids)
    kept = [tokens for tokens, has_vector in zip(documents, present, strict=True) if has_vector]
    return replace(
        model,
        centroids=clusters.centroids,
        distance_quantiles=clusters.quantiles,
        unknown_rate=fit_unknown_rate(kept, model.words),
        terms=descriptive_terms(kept, clusters.labels, len(clusters.centroids)),
        training=_facts(documents, clusters),
    )


def embed_corpus(
    model: Model, documents: Sequence[Sequence[str]], progress: Progress = silent
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the vectors (n, d) of the documents and whether each has one (n,).

    They come from a temporary bundle of `model`, through the same code as in serving. The n-gram vectors are no part of
    it: mapped, those of a large model would be this process's memory, a page and its neighbours for each row.
    """
    vectors, present = [], []
    with tempfile.TemporaryDirectory(prefix="scorepool-") as folder:
        path = Path(folder, "bundle")
        write_bundle(path, _part_for(model, documents))
        embedder = Embedder(_with_ngrams(open_bundle(path), model))
        for start in range(0, len(documents), _DOCS_PER_STEP):
            step = documents[start : start + _DOCS_PER_STEP]
            embedded = embedder.embed_tokens(step)
            vectors.append(embedded.doc_vectors)
            present.append(embedded.present)
            progress("embed", start + len(step), len(documents))
    return np.concatenate(vectors), np.concatenate(present)


def _part_for(model: Model, documents: Sequence[Sequence[str]]) -> Model:
    """Return `model` without n-grams, and with only those words that occur in the documents."""
    tokens = {token for document in documents for token in document}
    rows = np.array([row for row, word in enumerate(model.words) if word in tokens] or [0])
    return replace(
        model,
        words=[model.words[row] for row in rows.tolist()],
        word_vectors=SelectedRows(model.word_vectors, rows),
        word_weights=None if model.word_weights is None else model.word_weights[rows],
        ngram_vectors=None,
        min_n=0,
        max_n=0,
    )


def _with_ngrams(bundle: Bundle, model: Model) -> Bundle:
    """Return a bundle of `_part_for` with the n-gram vectors of `model`, wherever those are."""
    manifest = replace(bundle.manifest, min_n=model.min_n, max_n=model.max_n)
    return replace(bundle, manifest=manifest, ngram_vectors=model.ngram_vectors)


def _facts(documents: Sequence[Sequence[str]], clusters: CorpusClusters) -> dict[str, Any]:
    """Return what the manifest says about the training."""
    return {
        "documents": len(documents),
        "tokens": sum(map(len, documents)),
        "clusters": clusters.reason,
        "warnings": [clusters.reason] if clusters.weak else [],
        "agreements": {str(k): agreement for k, agreement in clusters.agreements},
    }
