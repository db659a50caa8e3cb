"""Final vectors of fastText's words: the mean of a word's own vector and those of its character n-grams."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from scoring.bundle.rows import LazyRows
from scoring.embedding.ngrams import ngram_hashes

# Words whose n-grams are hashed at a time: bounds the memory of the hashes.
_WORDS_PER_CHUNK = 1_000
# For each block of words all n-gram vectors are read, piece by piece. Larger blocks read them less often, larger
# pieces add to the sums less often; together they are the memory that composing takes.
_BLOCK_BYTES = 128 << 20
_PIECE_BYTES = 128 << 20
# The token at the end of a line is the one word that fastText gives no n-grams.
_END_OF_SENTENCE = "</s>"


class ComposedRows(LazyRows):
    """The vectors (V, d) of fastText's `get_word_vector`, computed when they are asked for: 30 µs a word at d = 300.

    The n-gram vectors are read from the first to the last and not where a word needs them, which is quick also where
    they are too large for the memory.

    piece_bytes: how many bytes of n-gram vectors are in memory at a time.
    """

    block_bytes = _BLOCK_BYTES
    piece_bytes = _PIECE_BYTES
    computed = True

    def __init__(
        self, words: Sequence[str], own: LazyRows, ngram_vectors: LazyRows, min_n: int, max_n: int
    ) -> None:
        super().__init__(*own.shape)
        self._words = words
        self._own = own
        self._ngram_vectors = ngram_vectors
        self._min_n = min_n
        self._max_n = max_n

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Compute the vectors of some words."""
        numbers = np.arange(len(self))[rows]
        sums = np.array(self._own[numbers])
        buckets, bounds = self._ngrams([self._words[number] for number in numbers.tolist()])
        for piece in self._pieces():
            chosen = (buckets >= piece.start) & (buckets < piece.stop)
            columns = buckets[chosen] - np.int32(piece.start)
            starts = np.append(np.int64(0), np.cumsum(chosen))[bounds]
            ones = np.ones(len(columns), dtype=np.float32)
            shape = (len(numbers), piece.stop - piece.start)
            sums += csr_array((ones, columns, starts), shape=shape) @ self._ngram_vectors[piece]
        sums /= (np.diff(bounds) + 1)[:, None]
        return sums

    def _ngrams(self, words: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the buckets (m,) of the n-grams of n words; those of word i are from bounds[i] to bounds[i + 1]."""
        buckets = [np.empty(0, dtype=np.int32)]
        counts = [np.zeros(1, dtype=np.int64)]
        for start in range(0, len(words), _WORDS_PER_CHUNK):
            chunk = words[start : start + _WORDS_PER_CHUNK]
            hashes, count = ngram_hashes(chunk, self._min_n, self._max_n)
            if _END_OF_SENTENCE in chunk:
                alone = np.array([word == _END_OF_SENTENCE for word in chunk])
                hashes = hashes[~np.repeat(alone, count)]
                count[alone] = 0
            buckets.append((hashes % np.uint32(len(self._ngram_vectors))).astype(np.int32))
            counts.append(count)
        return np.concatenate(buckets), np.cumsum(np.concatenate(counts))

    def _pieces(self) -> Iterator[slice]:
        buckets, dimensions = self._ngram_vectors.shape
        rows = max(1, self.piece_bytes // (4 * dimensions))
        for start in range(0, buckets, rows):
            yield slice(start, min(start + rows, buckets))
