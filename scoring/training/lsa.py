"""Latent semantic analysis as word vectors: which documents a word occurs in, in a few dimensions.

FastText learns what words stand together; in a small corpus that is little. Which documents they share says more
about subjects, so a trained model has both, half of its dimensions each. Deerwester et al. 1990, "Indexing by latent
semantic analysis".
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from sklearn.utils.extmath import randomized_svd

from scoring.training.word_vectors import WordVectors
from scoring.training.sif import sif_weights


def append_lsa(
    vectors: WordVectors, documents: Sequence[Sequence[str]], dimensions: int, seed: int
) -> WordVectors:
    """Return `vectors` with `dimensions` more: those of latent semantic analysis, as long on average.

    With log(n/df) as the weight g of a word, and rows of length 1, the documents' matrix is U·S·Pᵀ; a word gets
    g·P(w), over its weight in `sif`, so that the weighted mean of a document's words is its projection. N-grams get
    zeros: an unknown word is in no document. Time O(tokens · dimensions), memory 16 bytes a token.
    """
    counts = _counts(vectors.words, documents)
    shown = np.maximum(counts.astype(bool).sum(axis=0), 1)
    inverse = np.log((len(documents) + 1) / shown)
    weighted = counts @ diags_array(inverse)
    lengths = np.sqrt(weighted.power(2).sum(axis=1))
    rows = diags_array(1 / np.maximum(lengths, 1e-9)) @ weighted
    rank = min(dimensions, *rows.shape)
    _, _, axes = randomized_svd(rows, rank, n_iter=7, random_state=seed)
    weights = sif_weights(counts.sum(axis=0))
    latent = np.zeros((len(vectors.words), dimensions))
    latent[:, :rank] = (axes * (inverse / weights)).T
    latent *= _document_length(vectors.word_vectors, counts, weights) / _document_length(
        latent, counts, weights
    )
    return _joined(vectors, latent.astype(np.float32))


def _joined(vectors: WordVectors, latent: NDArray[np.float32]) -> WordVectors:
    joined = replace(vectors, word_vectors=np.hstack([vectors.word_vectors, latent]))
    if vectors.ngram_vectors is None:
        return joined
    nothing = np.zeros((len(vectors.ngram_vectors), latent.shape[1]), np.float32)
    return replace(joined, ngram_vectors=np.hstack([vectors.ngram_vectors, nothing]))


def _document_length(
    word_vectors: NDArray[np.floating], counts: csr_array, weights: NDArray[np.float32]
) -> float:
    """Return how far documents lie from their mean, as the root of the mean square; 1 where they do not differ."""
    tokens = np.maximum(counts.sum(axis=1), 1)
    pooled = (counts @ (word_vectors * weights[:, None])) / tokens[:, None]
    spread = float(np.sqrt(np.mean(np.sum((pooled - pooled.mean(axis=0)) ** 2, axis=1))))
    return spread if spread > 0 else 1.0


def _counts(words: Sequence[str], documents: Sequence[Sequence[str]]) -> csr_array:
    """Return how often each of n documents has each of V words, (n, V); words that have no vector are left out."""
    rows = {word: row for row, word in enumerate(words)}
    known = [[rows[token] for token in tokens if token in rows] for tokens in documents]
    columns = np.fromiter(chain.from_iterable(known), dtype=np.int32)
    bounds = np.append(0, np.cumsum([len(tokens) for tokens in known]))
    counts = csr_array((np.ones(len(columns)), columns, bounds), shape=(len(documents), len(words)))
    counts.sum_duplicates()
    return counts
