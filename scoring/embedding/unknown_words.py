"""The vectors of words that are not in the vocabulary, from their character n-grams, equal to gensim's to the bit."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.npy import FLOAT32
from scoring.bundle.rows import Vectors
from scoring.embedding.ngrams import sum_ngrams

# Words whose n-grams are summed at a time, each with dozens of n-grams: bounds the memory of the hashes.
_WORDS_PER_CHUNK = 1_000


class UnknownWords:
    """A cache of the vectors of unknown words, each computed once, in the order in which words are added.

    A vector is the mean of the n-gram vectors (B, d) of all n-grams of `min_n` to `max_n` characters of the word;
    zeros for a word that has none. Not for several threads.
    """

    def __init__(self, ngram_vectors: Vectors, min_n: int, max_n: int, *, cache_bytes: int) -> None:
        """Allocate room for `cache_bytes` of vectors; memory that is not used costs none."""
        self._ngram_vectors = ngram_vectors
        self._min_n = min_n
        self._max_n = max_n
        dimensions: int = ngram_vectors.shape[1]
        self._capacity = max(1, cache_bytes // (FLOAT32.itemsize * dimensions))
        # Twice the capacity, for the words of the batch that exceeds it.
        self._vectors = np.empty((2 * self._capacity, dimensions), dtype=np.float32)
        self._count = 0

    def __len__(self) -> int:
        """Return how many words are cached."""
        return self._count

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The vectors (u, d) of the words added since the cache was last cleared."""
        return self._vectors[: self._count]

    @property
    def full(self) -> bool:
        """Whether more words are cached than `cache_bytes` allows, so that the cache should be cleared."""
        return self._count > self._capacity

    def add(self, words: Sequence[str]) -> None:
        """Compute and cache the vectors of more words: 4 µs a word when many are added together."""
        count = self._count + len(words)
        if count > len(self._vectors):
            self._resize(count)
        for start in range(0, len(words), _WORDS_PER_CHUNK):
            chunk = words[start : start + _WORDS_PER_CHUNK]
            sums, counts = sum_ngrams(chunk, self._ngram_vectors, self._min_n, self._max_n)
            means = sums / np.maximum(counts, 1).astype(np.float32)[:, None]
            self._vectors[self._count : self._count + len(chunk)] = means
            self._count += len(chunk)

    def clear(self) -> None:
        """Drop all words."""
        self._count = 0
        if len(self._vectors) > 2 * self._capacity:
            self._resize(2 * self._capacity)

    def _resize(self, words: int) -> None:
        vectors = np.empty((words, self._vectors.shape[1]), dtype=np.float32)
        vectors[: self._count] = self.vectors
        self._vectors = vectors
