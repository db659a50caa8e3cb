"""Smooth inverse frequency (SIF): the pooling weights of words, and the components that all documents share.

Source: Arora, Liang, Ma 2017, "A simple but tough-to-beat baseline for sentence embeddings".
"""

import numpy as np
from numpy.typing import NDArray

# The `a` of the paper, which found 1e-3 to 1e-4 equally good: a word with this share of all tokens has weight 1/2.
SMOOTHING = 1e-3


def sif_weights(counts: NDArray[np.int64], smoothing: float = SMOOTHING) -> NDArray[np.float32]:
    """Return the weight a / (a + p(w)) of every word, (V,) float32; 1 for a word with count 0.

    p(w) is the word's share of the sum of `counts` (V,); a is `smoothing`.
    """
    share = counts / max(1, counts.sum())
    weights = smoothing / (smoothing + share)
    return np.asarray(weights, dtype=np.float32)


def common_components(doc_vectors: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Return the first n right singular vectors (n, d), orthonormal, of documents (n_docs, d), not centred, as in SIF.

    They are eigenvectors of the Gram matrix (d, d): time O(n_docs·d² + d³), memory O(n_docs·d + d²).
    """
    gram = doc_vectors.T.astype(np.float64) @ doc_vectors
    _, vectors = np.linalg.eigh(gram)
    return np.ascontiguousarray(vectors[:, ::-1][:, :n].T, dtype=np.float32)
