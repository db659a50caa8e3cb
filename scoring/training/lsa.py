"""Latent semantic analysis (LSA) as word vectors: which documents a word occurs in, in a few dimensions.

FastText learns from words that are near each other, and a small corpus has few examples of that. Which documents
words share tells more about subjects, so most of a trained model is LSA. Source: Deerwester et al. 1990, "Indexing by
latent semantic analysis".
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from sklearn.utils.extmath import randomized_svd

from scoring.training.word_counts import inverse_frequencies
from scoring.training.word_vectors import WordVectors

# How far FastText spreads documents beside LSA. Models of half the training texts, judged by the other half, had the
# clusters (mean of three halvings, BBC stories and Reuters reports) 0.878 and 0.438 with 0.3, 0.881 and 0.456 with 0.2,
# 0.888 and 0.434 with 0.1.
_FASTTEXT_SPREAD = 0.2
# The power of the singular values that the dimensions are multiplied with: clusters follow the subjects that most
# documents share rather than details.
_EMPHASIS = 0.5
# Of the randomised decomposition; scikit-learn takes 4 to 7 by the number of dimensions.
_POWER_ITERATIONS = 4
# A smaller share of the documents' length is rounding: they are equal.
_LEAST_SPREAD = 1e-5


def append_lsa(
    vectors: WordVectors,
    counts: csr_array,
    weights: NDArray[np.float32] | None,
    dimensions: int,
    seed: int,
) -> tuple[WordVectors, NDArray[np.float32]]:
    """Return `vectors` with `dimensions` more, those of LSA, and the share (d,) that other documents have in them.

    FastText's dimensions are scaled to spread documents less; their share is said to be 1.

    The matrix of n documents × V words, of counts as they are pooled times g(w) = `inverse_frequencies`, scaled to
    rows of length 1, is U·S·Pᵀ. A word gets g(w)·P(w)·√S divided by its pooling weight (V,), None for ones, so that
    the weighted sum of a document's words is the document's projection on P, times √S. N-grams get zeros, since an
    unknown word is in no document; dimensions beyond the rank are zeros.

    P(w) is the sum of its column over the documents, times U/S. So a document whose own row is left out of that sum is
    at U·S − U/S instead of U·S on the axes: the others' share of it is 1 − 1/S², nothing where S is below 1.
    Time O(tokens·dimensions), memory 12 bytes for each distinct word of each document and 8·V·dimensions.
    """
    inverse = inverse_frequencies(counts)
    weights = np.ones(len(inverse), np.float32) if weights is None else weights
    weighted = counts @ diags_array(inverse.astype(np.float64))
    lengths = np.sqrt(weighted.power(2).sum(axis=1))
    rows = diags_array(1 / np.maximum(lengths, 1e-9)) @ weighted
    rank = min(dimensions, *rows.shape)
    _, strengths, axes = randomized_svd(rows, rank, n_iter=_POWER_ITERATIONS, random_state=seed)
    axes *= (strengths**_EMPHASIS)[:, None]
    lsa = np.zeros((len(vectors.words), dimensions))
    # A word that every document has weighs next to nothing: its vector is of no account.
    lsa[:, :rank] = (axes * (inverse / np.maximum(weights, 1e-9))).T
    lsa /= _spread(lsa, counts, weights)
    scale = _FASTTEXT_SPREAD / _spread(np.asarray(vectors.word_vectors), counts, weights)
    others_shares = np.ones(vectors.word_vectors.shape[1] + dimensions, np.float32)
    others_shares[-dimensions:][:rank] = 1 - 1 / np.maximum(strengths, 1) ** 2
    return _append(vectors, np.float32(scale), lsa.astype(np.float32)), others_shares


def _append(vectors: WordVectors, scale: np.float32, lsa: NDArray[np.float32]) -> WordVectors:
    """Return `vectors` times `scale`, with the columns `lsa` (V, e) after those of words, and zeros after n-grams."""
    joined = replace(vectors, word_vectors=np.hstack([np.asarray(vectors.word_vectors) * scale, lsa]))
    if vectors.ngram_vectors is None:
        return joined
    zeros = np.zeros((len(vectors.ngram_vectors), lsa.shape[1]), np.float32)
    return replace(joined, ngram_vectors=np.hstack([np.asarray(vectors.ngram_vectors) * scale, zeros]))


def _spread(word_vectors: NDArray[np.floating], counts: csr_array, weights: NDArray[np.float32]) -> float:
    """Return the root mean square distance of the pooled documents from their mean; 1 if they are equal."""
    tokens = np.maximum(counts.sum(axis=1), 1)
    pooled = (counts @ (word_vectors * weights[:, None])) / tokens[:, None]
    spread = float(np.sqrt(np.mean(np.sum((pooled - pooled.mean(axis=0)) ** 2, axis=1))))
    length = float(np.sqrt(np.mean(np.sum(pooled**2, axis=1))))
    return spread if spread > _LEAST_SPREAD * length else 1.0
