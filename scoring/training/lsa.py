"""Latent semantic analysis (LSA) as word vectors: which documents a word occurs in, in a few dimensions.

FastText learns from words that are near each other, and a small corpus has few examples of that. Which documents
words share tells more about subjects, so a trained model has both, half of its dimensions each. Source: Deerwester
et al. 1990, "Indexing by latent semantic analysis".
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from sklearn.utils.extmath import randomized_svd

from scoring.training.sif import sif_weights
from scoring.training.word_vectors import WordVectors


def append_lsa(
    vectors: WordVectors, documents: Sequence[Sequence[str]], dimensions: int, seed: int
) -> WordVectors:
    """Return `vectors` with `dimensions` more, those of LSA, scaled so that both parts spread documents alike.

    The matrix of n documents × V words, of counts times g(w) = log((n + 1) / df(w)), scaled to rows of length 1, is
    U·S·Pᵀ. A word gets g(w)·P(w) divided by its `sif` weight, so that the weighted mean of a document's words is the
    document's projection on P. N-grams get zeros, since an unknown word is in no document; dimensions beyond the
    rank are zeros. Time O(tokens·dimensions), memory 16 bytes a token and 8·V·dimensions.
    """
    counts = _count_words(vectors.words, documents)
    document_frequency = np.maximum(counts.astype(bool).sum(axis=0), 1)
    inverse = np.log((len(documents) + 1) / document_frequency)
    weighted = counts @ diags_array(inverse)
    lengths = np.sqrt(weighted.power(2).sum(axis=1))
    rows = diags_array(1 / np.maximum(lengths, 1e-9)) @ weighted
    rank = min(dimensions, *rows.shape)
    _, _, axes = randomized_svd(rows, rank, n_iter=7, random_state=seed)
    weights = sif_weights(counts.sum(axis=0))
    lsa = np.zeros((len(vectors.words), dimensions))
    lsa[:, :rank] = (axes * (inverse / weights)).T
    lsa *= _spread(np.asarray(vectors.word_vectors), counts, weights) / _spread(lsa, counts, weights)
    return _append(vectors, lsa.astype(np.float32))


def _append(vectors: WordVectors, lsa: NDArray[np.float32]) -> WordVectors:
    """Return `vectors` with the columns `lsa` (V, e) after those of the words, and zeros after those of n-grams."""
    joined = replace(vectors, word_vectors=np.hstack([vectors.word_vectors, lsa]))
    if vectors.ngram_vectors is None:
        return joined
    zeros = np.zeros((len(vectors.ngram_vectors), lsa.shape[1]), np.float32)
    return replace(joined, ngram_vectors=np.hstack([vectors.ngram_vectors, zeros]))


def _spread(word_vectors: NDArray[np.floating], counts: csr_array, weights: NDArray[np.float32]) -> float:
    """Return the root mean square distance of the pooled documents from their mean; 1 if they are all equal."""
    tokens = np.maximum(counts.sum(axis=1), 1)
    pooled = (counts @ (word_vectors * weights[:, None])) / tokens[:, None]
    spread = float(np.sqrt(np.mean(np.sum((pooled - pooled.mean(axis=0)) ** 2, axis=1))))
    return spread if spread > 0 else 1.0


def _count_words(words: Sequence[str], documents: Sequence[Sequence[str]]) -> csr_array:
    """Return how often each of n documents has each of V words, (n, V); tokens without a vector are left out."""
    rows = {word: row for row, word in enumerate(words)}
    known = [[rows[token] for token in tokens if token in rows] for tokens in documents]
    columns = np.fromiter(chain.from_iterable(known), dtype=np.int32)
    bounds = np.append(0, np.cumsum([len(tokens) for tokens in known]))
    counts = csr_array((np.ones(len(columns)), columns, bounds), shape=(len(documents), len(words)))
    counts.sum_duplicates()
    return counts
