"""Vectors of unknown words, from their character n-grams, with the bits that gensim's FastText gives them.

gensim itself hashes one n-gram after the other, at five times the cost, and takes a second to import; the
tests hold both against each other.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from scoring.bundle.npy import FLOAT32

# FNV-1a with 32 bits, http://www.isthe.com/chongo/tech/comp/fnv/.
_FNV_OFFSET, _FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)
# Words that are hashed and added up at a time, each with dozens of n-grams.
_AT_A_TIME = 1_000
# The most bytes that UTF-8 takes for a character.
_WIDEST = 4


class UnknownWords:
    """The vectors of unknown words, each computed once, in the order in which they were added.

    They come from the n-gram vectors (B, d) of a model: the mean of those of all n-grams of `min_n` to
    `max_n` characters, zeros for a word that has none.
    """

    def __init__(
        self, ngram_vectors: NDArray[np.float32], min_n: int, max_n: int, *, cache_bytes: int
    ) -> None:
        self._ngram_vectors = ngram_vectors
        self._min_n = min_n
        self._max_n = max_n
        dimensions: int = ngram_vectors.shape[1]
        self._room = max(1, cache_bytes // (FLOAT32.itemsize * dimensions))
        # Twice the room, for the words with which it overflows; what is not used costs no memory.
        self._vectors = np.empty((2 * self._room, dimensions), dtype=np.float32)
        self._count = 0

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
        return self._count > self._room

    def add(self, words: Sequence[str]) -> None:
        """Compute and remember the vectors of more words; many together cost 4 µs each."""
        count = self._count + len(words)
        if count > len(self._vectors):
            self._reserve(count)
        for start in range(0, len(words), _AT_A_TIME):
            some = words[start : start + _AT_A_TIME]
            self._vectors[self._count : self._count + len(some)] = self._compute(some)
            self._count += len(some)

    def forget(self) -> None:
        """Forget all words."""
        self._count = 0
        if len(self._vectors) > 2 * self._room:
            self._reserve(2 * self._room)

    def _reserve(self, words: int) -> None:
        vectors = np.empty((words, self._vectors.shape[1]), dtype=np.float32)
        vectors[: self._count] = self.vectors
        self._vectors = vectors

    def _compute(self, words: Sequence[str]) -> NDArray[np.float32]:
        hashes, counts = ngram_hashes(words, self._min_n, self._max_n)
        buckets = len(self._ngram_vectors)
        ones = np.ones(len(hashes), dtype=np.float32)
        bounds = np.append(0, np.cumsum(counts))
        rows = (hashes % np.uint32(buckets)).astype(np.int64)
        ngrams = csr_array((ones, rows, bounds), shape=(len(words), buckets))
        sums = np.asarray(ngrams @ self._ngram_vectors, dtype=np.float32)
        return sums / np.maximum(counts, 1).astype(np.float32)[:, None]


def ngram_hashes(
    words: Sequence[str], min_n: int, max_n: int
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the hashes (g,) of the n-grams of u words, one or more, and how many each word has (u,).

    An n-gram is `min_n` to `max_n` characters of `<word>`, but no single bracket. The order is gensim's: by
    word, by position, by length.
    """
    lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words)) + 2
    ends = np.cumsum(lengths)
    hashes = _running_hashes("".join(f"<{word}>" for word in words), min(max_n, int(lengths.max())))
    sizes = np.arange(1, hashes.shape[1] + 1)
    remaining = np.repeat(ends, lengths) - np.arange(len(hashes))
    wanted = (sizes >= min_n) & (sizes <= remaining[:, None])
    wanted[ends - lengths, :1] = False
    wanted[ends - 1, :1] = False
    return hashes[wanted], np.add.reduceat(wanted.sum(axis=1), ends - lengths)


def _running_hashes(text: str, longest: int) -> NDArray[np.uint32]:
    """Return the hashes (c, longest) of 1, 2, … characters from each of the c characters of `text` on.

    The hash is fastText's: FNV-1a of the UTF-8 bytes, each taken as a signed number. What would go beyond the
    end of the text repeats its last character.
    """
    raw = np.frombuffer(text.encode(), dtype=np.uint8)
    starts = np.flatnonzero(raw & 0xC0 != 0x80)
    widths = np.diff(starts, append=len(raw))
    signed = np.append(raw, np.zeros(_WIDEST, np.uint8)).view(np.int8).astype(np.uint32)
    hashes = np.empty((len(starts), longest), dtype=np.uint32)
    running = np.full(len(starts), _FNV_OFFSET, dtype=np.uint32)
    for size in range(longest):
        character = np.minimum(np.arange(size, size + len(starts)), len(starts) - 1)
        for byte in range(int(widths.max())):
            longer = (running ^ signed[starts[character] + byte]) * _FNV_PRIME
            running = np.where(byte < widths[character], longer, running)
        hashes[:, size] = running
    return hashes
