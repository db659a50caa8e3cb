"""Character n-grams of words, as fastText defines them: their hashes, and the sums of their vectors.

An n-gram of a word is `min_n` to `max_n` characters of `<word>`, but no single bracket. Its vector is row
hash mod B of the n-gram vectors (B, d). Many words are hashed together, which takes a fifth of the time of
gensim's loop; gensim is the oracle of the tests.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.rows import Vectors
from scoring.embedding.row_sums import sum_rows

# FNV-1a with 32 bits, http://www.isthe.com/chongo/tech/comp/fnv/.
_FNV_OFFSET, _FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)
# The most bytes of a character in UTF-8.
_MAX_CHARACTER_BYTES = 4


def sum_ngrams(
    words: Sequence[str], ngram_vectors: Vectors, min_n: int, max_n: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the sums (u, d) of the n-gram vectors (B, d) of u ≥ 1 words, and how many n-grams each has (u,).

    A word without n-grams has zeros. Time 4 µs a word at d = 100; memory some hundred bytes a character.
    """
    hashes, counts = ngram_hashes(words, min_n, max_n)
    buckets = len(ngram_vectors)
    rows = (hashes % np.uint32(buckets)).astype(np.int32)
    bounds = np.append(0, np.cumsum(counts))
    ones = np.ones(len(rows), dtype=np.float32)
    return sum_rows(ngram_vectors, rows, ones, bounds), counts


def ngram_hashes(
    words: Sequence[str], min_n: int, max_n: int
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the hashes (g,) of the n-grams of u ≥ 1 words, and how many n-grams each word has (u,).

    The order is gensim's: by word, by position, by length.
    """
    lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words)) + 2
    ends = np.cumsum(lengths)
    hashes = _running_hashes("".join(f"<{word}>" for word in words), min(max_n, int(lengths.max())))
    sizes = np.arange(1, hashes.shape[1] + 1)
    remaining = np.repeat(ends, lengths) - np.arange(len(hashes))
    chosen = (sizes >= min_n) & (sizes <= remaining[:, None])
    chosen[ends - lengths, :1] = False
    chosen[ends - 1, :1] = False
    return hashes[chosen], np.add.reduceat(chosen.sum(axis=1), ends - lengths)


def _running_hashes(text: str, longest: int) -> NDArray[np.uint32]:
    """Return the hashes (c, longest) of the 1, 2, … `longest` characters that start at each of c characters.

    The hash is fastText's: FNV-1a of the UTF-8 bytes, each taken as a signed number. Beyond the end of the text
    the last character is repeated; the caller leaves those hashes out.
    """
    raw = np.frombuffer(text.encode(), dtype=np.uint8)
    starts = np.flatnonzero(raw & 0xC0 != 0x80)
    widths = np.diff(starts, append=len(raw))
    signed = np.append(raw, np.zeros(_MAX_CHARACTER_BYTES, np.uint8)).view(np.int8).astype(np.uint32)
    hashes = np.empty((len(starts), longest), dtype=np.uint32)
    running = np.full(len(starts), _FNV_OFFSET, dtype=np.uint32)
    for size in range(longest):
        character = np.minimum(np.arange(size, size + len(starts)), len(starts) - 1)
        for byte in range(int(widths.max())):
            longer = (running ^ signed[starts[character] + byte]) * _FNV_PRIME
            running = np.where(byte < widths[character], longer, running)
        hashes[:, size] = running
    return hashes
