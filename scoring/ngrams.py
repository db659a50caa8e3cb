"""Vectors of unknown words, from their character n-grams, exactly as gensim's FastText makes them."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from gensim.models.fasttext import ft_ngram_hashes
from numpy.typing import NDArray
from scipy.sparse import csr_array


class UnknownWords:
    """The vectors of unknown words, each computed once, in the order in which they were added.

    They come from the n-gram vectors (B, d) of a model: the mean of those of all n-grams of `min_n` to
    `max_n` characters, zeros for a word that has none.
    """

    def __init__(
        self, ngram_vectors: NDArray[np.float32], min_n: int, max_n: int, *, remembered_bytes: int
    ) -> None:
        self._remembered_bytes = remembered_bytes
        self._ngram_vectors = ngram_vectors
        self._min_n = min_n
        self._max_n = max_n
        self._count = 0
        self._vectors = np.empty((0, ngram_vectors.shape[1]), dtype=np.float32)

    def __len__(self) -> int:
        """Return how many words are remembered."""
        return self._count

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The vectors (u, d) of the words added so far."""
        return self._vectors[: self._count]

    @property
    def full(self) -> bool:
        """Whether so many words are remembered that it is time to forget them."""
        return self.vectors.nbytes > self._remembered_bytes

    def add(self, words: Sequence[str]) -> None:
        """Compute and remember the vectors of more words, in about 10 µs a word."""
        count = self._count + len(words)
        if count > len(self._vectors):
            grown = np.empty((2 * count, self._vectors.shape[1]), dtype=np.float32)
            grown[: self._count] = self.vectors
            self._vectors = grown
        self._vectors[self._count : count] = self._compute(words)
        self._count = count

    def forget(self) -> None:
        """Forget all words."""
        self._count = 0
        self._vectors = self._vectors[:0].copy()

    def _compute(self, words: Sequence[str]) -> NDArray[np.float32]:
        buckets = len(self._ngram_vectors)
        hashes = [ft_ngram_hashes(word, self._min_n, self._max_n, buckets) for word in words]
        counts = np.fromiter(map(len, hashes), dtype=np.int64, count=len(words))
        rows = np.fromiter(chain.from_iterable(hashes), dtype=np.int64, count=counts.sum())
        ones = np.ones(len(rows), dtype=np.float32)
        bounds = np.append(0, np.cumsum(counts))
        ngrams = csr_array((ones, rows, bounds), shape=(len(words), buckets))
        sums = np.asarray(ngrams @ self._ngram_vectors, dtype=np.float32)
        return sums / np.maximum(counts, 1).astype(np.float32)[:, None]
