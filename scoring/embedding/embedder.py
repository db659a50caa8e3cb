"""Texts to document vectors: the weighted mean of the vectors of their words, by blocks of documents.

    texts ─ fold → bytes ─ find words → (m,) ─ number → (m,) ─ two sparse products → doc_vectors (n, d)

The rows of a block's sparse matrix are its documents, the columns are words. One product with the
memory-mapped word vectors adds the known words up, another with the remembered vectors the unknown ones. A
document's sum runs over its own words in their order, so its vector has the same bits whatever else is in the
batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from scoring.bundle.bundle import Bundle
from scoring.embedding.unknown_words import UnknownWords
from scoring.embedding.vocabulary import NO_TOKEN, NO_VECTOR, Vocabulary
from scoring.tokens import find_words, fold_all

# Characters of text per block, about 20,000 words: its arrays stay in the processor's second-level cache and
# yet the calls, some 100 µs, are little beside the work. A quarter of it costs a third more time, eight times
# as much 5 % more.
_BLOCK_CHARACTERS = 1 << 17
# 5,000 unknown words at 100 dimensions; a word that was forgotten costs 4 µs when it comes again.
UNKNOWN_CACHE_BYTES = 2 << 20


@dataclass(frozen=True, slots=True)
class EmbeddedDocuments:
    """What is known of n documents.

    doc_vectors (n, d) float32, zeros where there is none; tokens (n,) int64; known (n,) int64, how many of
    the tokens are in the vocabulary; present (n,) bool, whether any token has a vector.
    """

    doc_vectors: NDArray[np.float32]
    tokens: NDArray[np.int64]
    known: NDArray[np.int64]
    present: NDArray[np.bool_]


class Embedder:
    """Embeds documents with one bundle. It keeps bounded caches of words and belongs to one thread."""

    def __init__(self, bundle: Bundle, *, cache_bytes: int = UNKNOWN_CACHE_BYTES) -> None:
        """Keep `bundle` and up to `cache_bytes` of vectors of unknown words; nothing is computed yet."""
        manifest = bundle.manifest
        ngram_vectors = bundle.ngram_vectors
        if ngram_vectors is None:
            ngram_vectors = np.empty((0, manifest.dimensions), dtype=np.float32)
        self._bundle = bundle
        self._unknown = UnknownWords(
            ngram_vectors, manifest.min_n, manifest.max_n, cache_bytes=cache_bytes
        )
        self._vocabulary = Vocabulary(
            bundle.vocabulary, manifest.max_token_length, ngrams=len(ngram_vectors) > 0
        )

    def embed(self, texts: Sequence[str]) -> EmbeddedDocuments:
        """Return the vectors of n texts, any number of them, in time and memory linear in their length.

        With pooling `mean` a vector is Σ v(w) / m over the m tokens that have vectors; frequent words drown
        what the text is about. With `sif` it is Σ a/(a + p(w)) v(w) / m, less its projections on the
        components. Source: Arora, Liang, Ma 2017, "A simple but tough-to-beat baseline for sentence
        embeddings".
        """
        first, *more = [self._embed_block(texts[block]) for block in _blocks(texts)]
        if not more:
            return first
        parts = [first, *more]
        return EmbeddedDocuments(
            np.concatenate([part.doc_vectors for part in parts]),
            np.concatenate([part.tokens for part in parts]),
            np.concatenate([part.known for part in parts]),
            np.concatenate([part.present for part in parts]),
        )

    def _embed_block(self, texts: Sequence[str]) -> EmbeddedDocuments:
        numbers, bounds = self._number(texts)
        size = self._vocabulary.size
        # Nearly all words are known, so the others are handled by position. Unsigned, -1 is a large number
        # too.
        others = np.flatnonzero(numbers.view(np.uint32) >= size)
        kinds = numbers[others]
        unknown, refused, vectorless = (
            others[k] for k in (kinds >= size, kinds == NO_TOKEN, kinds == NO_VECTOR)
        )
        sums = self._sum_known(numbers, others, bounds)
        if len(unknown):
            sums += self._sum_unknown(numbers[unknown] - size, np.searchsorted(unknown, bounds))
        tokens = np.diff(bounds) - _count(refused, bounds)
        pooled = tokens - _count(vectorless, bounds)
        doc_vectors = self._remove_components(sums / np.maximum(pooled, 1).astype(np.float32)[:, None])
        return EmbeddedDocuments(doc_vectors, tokens, pooled - _count(unknown, bounds), pooled > 0)

    def _number(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the numbers (m,) of the words of n texts, and where each text's begin and end (n + 1,)."""
        if self._unknown.full:
            self._unknown.forget()
            self._vocabulary.forget_unknown()
        folded, offsets = fold_all(texts)
        starts, lengths = find_words(folded)
        numbers = self._vocabulary.numbers(folded, starts, lengths)
        if new := self._vocabulary.unknown(since=len(self._unknown)):
            self._unknown.add(new)
        return numbers, np.append(np.searchsorted(starts, offsets), len(starts))

    def _sum_known(
        self, numbers: NDArray[np.int32], others: NDArray[np.int64], bounds: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        rows = numbers.copy()
        rows[others] = 0
        weights = self._bundle.word_weights.take(rows)
        weights[others] = 0
        return _sum_rows(self._bundle.word_vectors, rows, weights, bounds)

    def _sum_unknown(self, rows: NDArray[np.int32], bounds: NDArray[np.int64]) -> NDArray[np.float32]:
        weights = np.full(len(rows), self._bundle.manifest.unknown_weight, dtype=np.float32)
        return _sum_rows(self._unknown.vectors, rows, weights, bounds)

    def _remove_components(self, doc_vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        for component in self._bundle.components:
            # No matrix product: its rounding depends on the number of documents.
            doc_vectors -= (doc_vectors * component).sum(axis=1, keepdims=True) * component
        return doc_vectors


def _sum_rows(
    vectors: NDArray[np.float32],
    rows: NDArray[np.int32],
    weights: NDArray[np.float32],
    bounds: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the weighted sums (n, d) of stretches of `rows` (m,), each between two `bounds` (n + 1,)."""
    matrix = csr_array((weights, rows, bounds.astype(np.int32)), shape=(len(bounds) - 1, len(vectors)))
    return np.asarray(matrix @ vectors, dtype=np.float32)


def _count(positions: NDArray[np.int64], bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many of the ascending `positions` lie in each of the n stretches between two `bounds`."""
    if not len(positions):
        return np.zeros(len(bounds) - 1, dtype=np.int64)
    return np.diff(np.searchsorted(positions, bounds))


def _blocks(texts: Sequence[str]) -> Iterator[slice]:
    """Cut texts into blocks of whole documents; there is one block even when there is no text."""
    start = characters = 0
    for index, text in enumerate(texts):
        if characters and characters + len(text) > _BLOCK_CHARACTERS:
            yield slice(start, index)
            start, characters = index, 0
        characters += len(text)
    yield slice(start, len(texts))
