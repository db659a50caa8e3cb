"""Word vectors and the character n-gram vectors behind them: what a FastText model knows about words.

Training makes one from a corpus, importing reads one from a file; both are the same from here on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gensim.models.fasttext import FastTextKeyedVectors
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class WordVectors:
    """V words in d dimensions, with FINAL vectors: what gensim answers to `wv[word]`.

    `word_vectors` (V, d) float32; `counts` (V,) int64, how often each word was seen, None where nobody knows.
    `ngram_vectors` (buckets, d) float32 holds the n-grams of `min_n` to `max_n` characters by fastText's
    hash, None for a model that has none.
    """

    words: Sequence[str]
    word_vectors: NDArray[np.float32]
    counts: NDArray[np.int64] | None = None
    ngram_vectors: NDArray[np.float32] | None = None
    min_n: int = 0
    max_n: int = 0


def from_gensim(vectors: FastTextKeyedVectors) -> WordVectors:
    """Return what gensim's FastText holds, without copying the arrays."""
    words: list[str] = vectors.index_to_key
    counts = np.array([vectors.get_vecattr(word, "count") for word in words], dtype=np.int64)
    if not (vectors.bucket and vectors.max_n):
        return WordVectors(words, vectors.vectors, counts)
    return WordVectors(words, vectors.vectors, counts, vectors.vectors_ngrams, vectors.min_n, vectors.max_n)
