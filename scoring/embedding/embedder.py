"""Texts to document vectors: the weighted mean of the vectors of their words, by blocks of documents.

    texts ─ fold → bytes ─ find words → offsets (m,) ─ look up → ids (m,) ─ sparse products → doc_vectors (n, d)

The rows of a block's sparse matrix are its documents, the columns are words. One product with the
memory-mapped word vectors sums the known words, another with the cached vectors of unknown words sums those. A
document's sum runs over its own words in their order, so its vector has the same bits in any batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.bundle import Bundle
from scoring.embedding.row_sums import sum_rows
from scoring.embedding.unknown_words import UnknownWords
from scoring.embedding.vocabulary import NO_TOKEN, NO_VECTOR, Vocabulary
from scoring.tokens import find_words, fold_all

# Characters of text per block, about 20,000 words: the arrays stay in the processor's second-level cache, and the
# fixed cost of a block's calls, about 100 µs, is small beside its work. A quarter as many take a third more time,
# eight times as many 5 % more.
_BLOCK_CHARACTERS = 1 << 17
# 5,000 unknown words at 100 dimensions; a word that was dropped costs 4 µs when it occurs again.
UNKNOWN_CACHE_BYTES = 2 << 20


@dataclass(frozen=True, slots=True)
class EmbeddedDocuments:
    """n documents as vectors.

    doc_vectors (n, d) float32, zeros for a document without a vector; tokens (n,) int64, how many each has;
    known (n,) int64, how many of the tokens are in the vocabulary; present (n,) bool, whether any token has a
    vector.
    """

    doc_vectors: NDArray[np.float32]
    tokens: NDArray[np.int64]
    known: NDArray[np.int64]
    present: NDArray[np.bool_]

    def part(self, rows: slice) -> "EmbeddedDocuments":
        """Return some of the documents, without copying."""
        return EmbeddedDocuments(
            self.doc_vectors[rows], self.tokens[rows], self.known[rows], self.present[rows]
        )

    @classmethod
    def concatenate(cls, parts: Sequence["EmbeddedDocuments"]) -> "EmbeddedDocuments":
        """Return the documents of one or more parts, one after another."""
        return cls(
            np.concatenate([part.doc_vectors for part in parts]),
            np.concatenate([part.tokens for part in parts]),
            np.concatenate([part.known for part in parts]),
            np.concatenate([part.present for part in parts]),
        )


class Embedder:
    """Embeds documents with one bundle. It keeps bounded caches of words and belongs to one thread."""

    def __init__(self, bundle: Bundle, *, cache_bytes: int = UNKNOWN_CACHE_BYTES) -> None:
        """Keep `bundle` and up to `cache_bytes` of vectors of unknown words; nothing is computed yet."""
        manifest = bundle.manifest
        ngram_vectors = bundle.ngram_vectors
        if ngram_vectors is None:
            ngram_vectors = np.empty((0, manifest.dimensions), dtype=np.float32)
        self._bundle = bundle
        self._unknown = UnknownWords(ngram_vectors, manifest.min_n, manifest.max_n, cache_bytes=cache_bytes)
        self._vocabulary = Vocabulary(
            bundle.vocabulary, manifest.max_token_length, ngrams=len(ngram_vectors) > 0
        )

    def embed(self, texts: Sequence[str]) -> EmbeddedDocuments:
        """Return the vectors of n ≥ 0 texts, in time and memory linear in their length.

        With pooling `mean` a vector is Σ v(w) / m over the m tokens that have vectors; its weakness: frequent
        words outweigh the words that tell what the text is about. With `sif` it is Σ a/(a + p(w)) v(w) / m, less
        its projections on the components. Source: Arora, Liang, Ma 2017, "A simple but tough-to-beat baseline
        for sentence embeddings".
        """
        first, *more = [self._embed_block(texts[block]) for block in _blocks(texts)]
        if not more:
            return first
        return EmbeddedDocuments.concatenate([first, *more])

    def _embed_block(self, texts: Sequence[str]) -> EmbeddedDocuments:
        ids, bounds = self._look_up(texts)
        size = self._vocabulary.size
        # Nearly all words are known, so the others are handled by position. As unsigned numbers, NO_VECTOR and
        # NO_TOKEN are large too.
        others = np.flatnonzero(ids.view(np.uint32) >= size)
        other_ids = ids[others]
        unknown = others[other_ids >= size]
        no_token, no_vector = others[other_ids == NO_TOKEN], others[other_ids == NO_VECTOR]
        sums = self._sum_known(ids, others, bounds)
        if len(unknown):
            sums += self._sum_unknown(ids[unknown] - size, np.searchsorted(unknown, bounds))
        tokens = np.diff(bounds) - _count(no_token, bounds)
        pooled = tokens - _count(no_vector, bounds)
        doc_vectors = self._remove_components(sums / np.maximum(pooled, 1).astype(np.float32)[:, None])
        return EmbeddedDocuments(doc_vectors, tokens, pooled - _count(unknown, bounds), pooled > 0)

    def _look_up(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the ids (m,) of the words of n texts; those of text i are from bounds[i] to bounds[i + 1] (n + 1,)."""
        if self._unknown.full:
            self._unknown.clear()
            self._vocabulary.clear_unknown()
        folded, offsets = fold_all(texts)
        starts, lengths = find_words(folded)
        ids = self._vocabulary.ids(folded, starts, lengths)
        if new := self._vocabulary.unknown(since=len(self._unknown)):
            self._unknown.add(new)
        return ids, np.append(np.searchsorted(starts, offsets), len(starts))

    def _sum_known(
        self, ids: NDArray[np.int32], others: NDArray[np.int64], bounds: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the weighted sums (n, d) of the known words; those at the positions `others` have weight 0."""
        rows = ids.copy()
        rows[others] = 0
        weights = self._bundle.word_weights.take(rows)
        weights[others] = 0
        return sum_rows(self._bundle.word_vectors, rows, weights, bounds)

    def _sum_unknown(self, rows: NDArray[np.int32], bounds: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the weighted sums (n, d) of unknown words; `rows` are those of their cached vectors."""
        weights = np.full(len(rows), self._bundle.manifest.unknown_weight, dtype=np.float32)
        return sum_rows(self._unknown.vectors, rows, weights, bounds)

    def _remove_components(self, doc_vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Subtract from each vector, in place, its projections on the components."""
        for component in self._bundle.components:
            # Not a matrix product: its rounding would depend on the number of documents.
            doc_vectors -= (doc_vectors * component).sum(axis=1, keepdims=True) * component
        return doc_vectors


def _count(positions: NDArray[np.int64], bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (n,) how many of the ascending `positions` are in `bounds[i]` to before `bounds[i + 1]` (n + 1,)."""
    if not len(positions):
        return np.zeros(len(bounds) - 1, dtype=np.int64)
    return np.diff(np.searchsorted(positions, bounds))


def _blocks(texts: Sequence[str]) -> Iterator[slice]:
    """Yield blocks of whole documents; one empty block when there are no texts."""
    start = characters = 0
    for index, text in enumerate(texts):
        if characters and characters + len(text) > _BLOCK_CHARACTERS:
            yield slice(start, index)
            start, characters = index, 0
        characters += len(text)
    yield slice(start, len(texts))
