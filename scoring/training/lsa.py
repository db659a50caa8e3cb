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

from scoring.training.shared_axes import FEW_DOCS, find_shared_axes
from scoring.training.sif import common_components
from scoring.training.word_counts import CorpusWords
from scoring.training.word_vectors import WordVectors

# How far FastText spreads documents beside LSA. The higher, the better is the agreement with people's ratings of
# similarity (0.56, 0.57 and 0.59 with 0.1, 0.2 and 0.4), and the worse are clusters (0.62, 0.59 and 0.56 of halves of
# Reuters reports).
_FASTTEXT_SPREAD = 0.1
# How much the vectors of a small corpus lose of the direction that its documents have in common. With 300 training
# texts neighbours were better in three sets, 0.940, 0.918 and 0.567 instead of 0.937, 0.917 and 0.558, clusters no
# worse, and agreement with people's ratings 0.605 instead of 0.586. What a large corpus has in common may be its
# largest subject: half of the Reuters reports are of one.
_COMMON_SHARE = 0.25
# So many directions of the decomposition are there to choose a dimension from (`shared_axes`).
_AXES_PER_DIMENSION = 2
# The power of the strengths that the dimensions are multiplied with: clusters follow the subjects that most
# documents share rather than details.
_EMPHASIS = 0.5
# Of the randomised decomposition; scikit-learn takes 4 to 7 by the number of dimensions.
_POWER_ITERATIONS = 4
# A smaller share of the documents' length is rounding: they are equal.
_LEAST_SPREAD = 1e-5


def append_lsa(
    vectors: WordVectors, corpus: CorpusWords, dimensions: int, seed: int
) -> tuple[WordVectors, NDArray[np.float32]]:
    """Return `vectors` with `dimensions` more, those of LSA, and what of them other documents made, (V, d).

    LSA is of the corpus's counts times its words' importance. A word's vector is such that a document, pooled by its
    words' weights, is its projection. N-grams get zeros, since an unknown word is in no document; dimensions
    beyond the rank are zeros. FastText's dimensions lose the direction that all documents have in common, and are
    scaled to spread documents less than LSA does. Where documents are few, all dimensions together lose a part of
    the direction of their mean. Documents without words of the corpus have no part in it.

    The second array is for documents as if they were new: the part of each word's vector that does not come from
    the one document that is pooled (`_project`); FastText's dimensions are the same in both.

    Time O(tokens·dimensions) and that of `find_shared_axes`, memory 12 bytes for each distinct word of each document
    and 57·V·dimensions, most of it for the decomposition.
    """
    corpus = replace(corpus, counts=corpus.counts[corpus.counts.sum(axis=1) > 0])
    weighted = corpus.counts @ diags_array(corpus.importance.astype(np.float64))
    projection, of_others = _project(weighted, dimensions, seed)
    # A word that every document has weighs next to nothing: its vector is of no account.
    per_weight = (corpus.importance / np.maximum(corpus.weights, 1e-9))[:, None]
    spread = _spread(corpus.pool(projection * per_weight))
    lsa, unseen = ((part * per_weight / spread).astype(np.float32) for part in (projection, of_others))
    own = _without_common_direction(vectors, corpus)
    scale = np.float32(_FASTTEXT_SPREAD / _spread(corpus.pool(np.asarray(own.word_vectors))))
    joined = _append(own, scale, lsa)
    unseen = np.hstack([np.asarray(joined.word_vectors)[:, :-dimensions], unseen])
    if corpus.counts.shape[0] >= FEW_DOCS:
        return joined, unseen
    common = _mean_direction(corpus.pool(np.asarray(joined.word_vectors)))
    return _reduce(joined, common, _COMMON_SHARE), unseen - _COMMON_SHARE * _parts(unseen, common)


def _project(
    weighted: csr_array, dimensions: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the projection (V, dimensions) of weighted counts (n, V) in which near documents agree most.

    The rows, none of which is zero, scaled to length 1, are U·S·Pᵀ by a truncated decomposition, and the projection is
    P times the axes of `find_shared_axes` among its directions, times the square roots of their strengths.

    P is the sum over the documents of their rows times U/S. So a document whose own row is left out of that sum is at
    U·S − U/S instead of U·S, which is 1 − 1/S² of it, nothing where S is below 1. The second array is the projection
    with P times that.
    """
    lengths = np.sqrt(weighted.power(2).sum(axis=1))
    rows = diags_array(1 / lengths) @ weighted
    rank = min(_AXES_PER_DIMENSION * dimensions, *rows.shape)
    left, strengths, directions = randomized_svd(rows, rank, n_iter=_POWER_ITERATIONS, random_state=seed)
    axes, agreement = find_shared_axes(left * strengths, min(dimensions, rank), seed)
    axes *= agreement**_EMPHASIS
    projection, of_others = np.zeros((2, rows.shape[1], dimensions))
    projection[:, : axes.shape[1]] = directions.T @ axes
    of_others[:, : axes.shape[1]] = directions.T @ ((1 - 1 / np.maximum(strengths, 1) ** 2)[:, None] * axes)
    return projection, of_others


def _without_common_direction(vectors: WordVectors, corpus: CorpusWords) -> WordVectors:
    """Return FastText's vectors without the direction that all pooled documents share, as SIF removes it."""
    words = np.asarray(vectors.word_vectors)
    if words.shape[1] < 2:
        return vectors
    return _reduce(vectors, common_components(corpus.pool(words).astype(np.float32), 1)[0], 1.0)


def _mean_direction(doc_vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the direction (d,) of the mean of documents (n, d) that are scaled to length 1."""
    lengths = np.linalg.norm(doc_vectors, axis=1, keepdims=True)
    mean = (doc_vectors / np.maximum(lengths, 1e-9)).mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


def _reduce(vectors: WordVectors, direction: NDArray[np.float32], share: float) -> WordVectors:
    """Return `vectors` without so large a share of their parts in a direction (d,)."""
    words, ngrams = np.asarray(vectors.word_vectors), vectors.ngram_vectors
    reduced = replace(vectors, word_vectors=words - np.float32(share) * _parts(words, direction))
    if ngrams is None:
        return reduced
    ngrams = np.asarray(ngrams)
    return replace(reduced, ngram_vectors=ngrams - np.float32(share) * _parts(ngrams, direction))


def _parts(rows: NDArray[np.float32], direction: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the parts of rows (m, d) in a direction (d,) of length 1."""
    return np.outer(rows @ direction, direction)


def _append(vectors: WordVectors, scale: np.float32, lsa: NDArray[np.float32]) -> WordVectors:
    """Return `vectors` times `scale`, with the columns `lsa` (V, e) after those of words, and zeros after n-grams."""
    joined = replace(vectors, word_vectors=np.hstack([np.asarray(vectors.word_vectors) * scale, lsa]))
    if vectors.ngram_vectors is None:
        return joined
    zeros = np.zeros((len(vectors.ngram_vectors), lsa.shape[1]), np.float32)
    return replace(joined, ngram_vectors=np.hstack([np.asarray(vectors.ngram_vectors) * scale, zeros]))


def _spread(pooled: NDArray[np.float64]) -> float:
    """Return the root mean square distance of pooled documents (n, d) from their mean; 1 if they are equal."""
    spread = float(np.sqrt(np.mean(np.sum((pooled - pooled.mean(axis=0)) ** 2, axis=1))))
    length = float(np.sqrt(np.mean(np.sum(pooled**2, axis=1))))
    return spread if spread > _LEAST_SPREAD * length else 1.0
