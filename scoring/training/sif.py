"""What is learnt from how often words occur: pooling weights, and the direction that all documents share."""

import numpy as np
from numpy.typing import NDArray

# `a` of Arora, Liang and Ma (2017), who found 1e-3 to 1e-4 alike: a word with this share of all tokens
# weighs half.
SMOOTHING = 1e-3


def sif_weights(counts: NDArray[np.int64], smoothing: float = SMOOTHING) -> NDArray[np.float32]:
    """Return a / (a + p(w)) for every word (V,): smooth inverse frequency, 1 for a word never seen.

    p(w) is the word's share of all `counts`.
    """
    share = counts / max(1, counts.sum())
    weights = smoothing / (smoothing + share)
    return np.asarray(weights, dtype=np.float32)


def common_components(doc_vectors: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Return the first n right singular vectors (n, d) of documents (n_docs, d), not centred, as SIF has it.

    By the d × d Gram matrix: O(n_docs·d² + d³) time, O(d²) memory.
    """
    gram = doc_vectors.T.astype(np.float64) @ doc_vectors
    _, vectors = np.linalg.eigh(gram)
    return np.ascontiguousarray(vectors[:, ::-1][:, :n].T, dtype=np.float32)
