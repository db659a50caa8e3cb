"""What pooling by `tfidf` adds to a weighted sum of word vectors: repeated words count less, and all lengths are 1.

Source of the damped counts: Salton and Buckley 1988, "Term-weighting approaches in automatic text retrieval". A word
that a document has ten times says more about its subject than one that it has once, but not ten times as much.
"""

import numpy as np
from numpy.typing import NDArray

# What is left of a vector after the components are removed is rounding if it is shorter than this; then the document
# has no vector. In float32 a sum of 10,000 words has an error of up to 1e-5 of its length.
_LEAST_LENGTH = 1e-6


def damp_counts(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 1 + log c of counts c ≥ 1: how much all occurrences of a word count together."""
    return np.asarray(1 + np.log(counts))


def damp_repetitions(ids: NDArray[np.int32], bounds: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return (1 + log c) / c for each of m words (m,), c being how often its document has its id.

    The ids (m,) of document i are from bounds[i] to bounds[i + 1]. Time O(m·log m), memory O(m).
    """
    documents = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    keys = (documents << 32) | ids.view(np.uint32).astype(np.int64)
    _, words, counts = np.unique(keys, return_inverse=True, return_counts=True)
    damping = np.asarray(damp_counts(counts) / counts, dtype=np.float32)
    return damping[words]


def scale_to_unit_length(doc_vectors: NDArray[np.float32]) -> None:
    """Scale each of n vectors (n, d) to length 1, in place; zeros, and what is nothing but rounding, become zeros."""
    # Not `np.linalg.norm`, whose rounding would depend on the number of documents.
    lengths = np.sqrt((doc_vectors * doc_vectors).sum(axis=1, keepdims=True))
    doc_vectors *= np.where(lengths > _LEAST_LENGTH, 1 / np.maximum(lengths, _LEAST_LENGTH), 0)
