"""The vectors of words that are not in the vocabulary, from their character n-grams, equal to gensim's to the bit."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.bundle import Bundle
from scoring.bundle.npy import FLOAT32
from scoring.bundle.rows import Vectors
from scoring.embedding.ngrams import sum_ngrams
from scoring.embedding.norms import inverse_norms

# Characters of the words whose n-grams are summed at a time, each with some n-grams: bounds the memory of the hashes.
_CHARACTERS_PER_CHUNK = 1 << 13


class UnknownWords:
    """A cache of the vectors of unknown words, each computed once, in the order in which words are added.

    A vector is the mean of the n-gram vectors (B, d) of all n-grams of `min_n` to `max_n` characters of the word;
    zeros for a word that has none. Not for several threads.
    """

    def __init__(
        self,
        ngram_vectors: Vectors,
        min_n: int,
        max_n: int,
        *,
        weight: float | None,
        cache_bytes: int,
    ) -> None:
        """Allocate room for `cache_bytes` of vectors; memory that is not used costs none.

        weight: the pooling weight of every unknown word; None for `inverse_norms`.
        """
        self._ngram_vectors = ngram_vectors
        self._min_n = min_n
        self._max_n = max_n
        self._weight = weight
        dimensions: int = ngram_vectors.shape[1]
        self._max_characters = cache_bytes
        self._capacity = max(1, cache_bytes // (FLOAT32.itemsize * dimensions))
        # Twice the capacity, for the words of the batch that exceeds it.
        self._vectors = np.empty((2 * self._capacity, dimensions), dtype=np.float32)
        self._weights = np.empty(2 * self._capacity, dtype=np.float32)
        self._count = self._characters = 0

    def __len__(self) -> int:
        """Return how many words are cached."""
        return self._count

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The vectors (u, d) of the words added since the cache was last cleared."""
        return self._vectors[: self._count]

    @property
    def weights(self) -> NDArray[np.float32]:
        """The pooling weights (u,) of these words."""
        return self._weights[: self._count]

    @property
    def full(self) -> bool:
        """Whether the vectors or the characters of all words are more than `cache_bytes`: it should be cleared."""
        return self._count > self._capacity or self._characters > self._max_characters

    def add(self, words: Sequence[str]) -> None:
        """Compute and cache the vectors of more words: 4 µs a word when many are added together."""
        count = self._count + len(words)
        if count > len(self._vectors):
            self._resize(count)
        for chunk in _chunks(words):
            sums, counts = sum_ngrams(chunk, self._ngram_vectors, self._min_n, self._max_n)
            means = sums / np.maximum(counts, 1).astype(np.float32)[:, None]
            added = slice(self._count, self._count + len(chunk))
            self._vectors[added] = means
            self._weights[added] = inverse_norms(means) if self._weight is None else self._weight
            self._count = added.stop
        self._characters += sum(map(len, words))

    def clear(self) -> None:
        """Drop all words."""
        self._count = self._characters = 0
        if len(self._vectors) > 2 * self._capacity:
            self._resize(2 * self._capacity)

    def _resize(self, words: int) -> None:
        vectors = np.empty((words, self._vectors.shape[1]), dtype=np.float32)
        weights = np.empty(words, dtype=np.float32)
        vectors[: self._count], weights[: self._count] = self.vectors, self.weights
        self._vectors, self._weights = vectors, weights


def open_unknown_words(bundle: Bundle, *, cache_bytes: int) -> UnknownWords:
    """Return the unknown words of a bundle, with its n-grams and its pooling; none can be added without n-grams."""
    manifest, ngram_vectors = bundle.manifest, bundle.ngram_vectors
    if ngram_vectors is None:
        ngram_vectors = np.empty((0, manifest.dimensions), dtype=np.float32)
    weight = None if manifest.pooling == "fasttext" else manifest.unknown_weight
    return UnknownWords(ngram_vectors, manifest.min_n, manifest.max_n, weight=weight, cache_bytes=cache_bytes)


def _chunks(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the words in chunks of about `_CHARACTERS_PER_CHUNK`, or of one longer word."""
    start = characters = 0
    for index, word in enumerate(words):
        if characters and characters + len(word) > _CHARACTERS_PER_CHUNK:
            yield words[start:index]
            start, characters = index, 0
        characters += len(word)
    if start < len(words):
        yield words[start:]
