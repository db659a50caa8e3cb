"""How often documents have words: a sparse matrix, from which the weights of words and LSA are computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from scoring.bundle.manifest import Pooling
from scoring.embedding.tfidf import damp_counts
from scoring.training.sif import sif_weights


@dataclass(frozen=True, eq=False)
class CorpusWords:
    """What n documents tell of V words.

    counts (n, V) are what documents are pooled by, with the weights (V,). importance (V,): how much each says about the
    subject of a document.
    """

    counts: csr_array
    weights: NDArray[np.float32]
    importance: NDArray[np.float32]

    def pool(self, word_vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the weighted mean (n, d) of the words of each document, by word vectors (V, d)."""
        tokens = np.maximum(self.counts.sum(axis=1), 1)
        return np.asarray((self.counts @ (word_vectors * self.weights[:, None])) / tokens[:, None])


def count_words(words: Sequence[str], documents: Sequence[Sequence[str]]) -> csr_array:
    """Return how often each of n documents has each of V words, (n, V); tokens without a vector are left out.

    Memory: 12 bytes for each distinct word of each document, 12 a token while it is made.
    """
    rows = {word: row for row, word in enumerate(words)}
    known = [[rows[token] for token in tokens if token in rows] for tokens in documents]
    columns = np.fromiter(chain.from_iterable(known), dtype=np.int32)
    bounds = np.append(0, np.cumsum([len(tokens) for tokens in known]))
    counts = csr_array((np.ones(len(columns)), columns, bounds), shape=(len(documents), len(words)))
    counts.sum_duplicates()
    return counts


def pooling_weights(pooling: Pooling, counts: csr_array) -> NDArray[np.float32] | None:
    """Return the weight of every word (V,) from the counts (n, V) of a corpus; None with `mean`, where all have 1."""
    if pooling == "sif":
        return sif_weights(counts.sum(axis=0))
    return inverse_frequencies(counts) if pooling == "tfidf" else None


def inverse_frequencies(counts: csr_array) -> NDArray[np.float32]:
    """Return log((n + 1) / df(w)) (V,), where df(w) of n documents have the word w; counts (n, V)."""
    document_frequency = np.maximum(counts.astype(bool).sum(axis=0), 1)
    return np.asarray(np.log((counts.shape[0] + 1) / document_frequency), dtype=np.float32)


def document_shares(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of documents that have each word (V,), from its weight: undoes `inverse_frequencies`."""
    return np.asarray(np.exp(-weights))


def pooled_counts(pooling: Pooling, counts: csr_array) -> csr_array:
    """Return what the counts (n, V) are when documents are pooled: damped with `tfidf`, else as they are."""
    if pooling != "tfidf":
        return counts
    damped = counts.copy()
    damped.data = damp_counts(counts.data)
    return damped
