"""Word vectors and character n-gram vectors, in memory or in a model's file.

Training makes them from a corpus and importing reads them from a file; `fit` makes a model of either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gensim.models.fasttext import FastTextKeyedVectors
from numpy.typing import NDArray

from scoring.bundle.rows import Vectors


@dataclass(frozen=True, eq=False)
class WordVectors:
    """V words in d dimensions.

    word_vectors (V, d) float32 are final, as gensim's `wv[word]`: in FastText the mean of a word's own vector and
    those of its n-grams. counts (V,) int64: how often each word was seen in training, None if unknown.
    ngram_vectors (buckets, d) float32: those of n-grams of `min_n` to `max_n` characters, by fastText's hash; None
    for a model without n-grams. official: whether they come from a file that the official fastText reads. undecodable:
    the words that are not UTF-8 in that file, and as they are written here in no text. warnings: what was odd in the
    file, for people.
    """

    words: Sequence[str]
    word_vectors: Vectors
    counts: NDArray[np.int64] | None = None
    ngram_vectors: Vectors | None = None
    min_n: int = 0
    max_n: int = 0
    official: bool = False
    undecodable: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


def from_gensim(vectors: FastTextKeyedVectors) -> WordVectors:
    """Return the word and n-gram vectors of gensim's FastText, without copying the arrays."""
    words: list[str] = vectors.index_to_key
    counts = np.array([vectors.get_vecattr(word, "count") for word in words], dtype=np.int64)
    if not (vectors.bucket and vectors.max_n):
        return WordVectors(words, vectors.vectors, counts)
    return WordVectors(words, vectors.vectors, counts, vectors.vectors_ngrams, vectors.min_n, vectors.max_n)
