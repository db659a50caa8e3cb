"""Texts to document vectors: the weighted mean of the vectors of their words, by blocks of documents.

    texts ─ fold → bytes ─ find words → offsets (m,) ─ look up → ids (m,) ─ sparse products → doc_vectors (n, d)

The rows of a block's sparse matrix are its documents, the columns are words. One product with the
memory-mapped word vectors sums the distinct known words, another with the cached vectors of unknown words sums those. A
document's sum runs over its own known words in the order of their rows, and over its unknown ones as they come, so its
vector has the same bits in any batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.bundle import Bundle
from scoring.embedding.distinct_words import DistinctWords, distinct_words
from scoring.embedding.row_sums import sum_rows
from scoring.embedding.tfidf import damp_counts, damp_repetitions, scale_to_unit_length
from scoring.embedding.unknown_words import open_unknown_words
from scoring.embedding.vocabulary import NO_TOKEN, Vocabulary
from scoring.tokens.tokenizer import join_tokens
from scoring.tokens.words import find_words

# Characters of text per block, about 20,000 words: the arrays stay in the processor's second-level cache, and the
# fixed cost of a block's calls, about 100 µs, is small beside its work. A quarter as many take a third more time, twice
# as many 2 to 5 % less, and so much memory that a worker in a container of 256 MB is replaced after a body of 6 MB.
_BLOCK_CHARACTERS = 1 << 17
# 10,000 unknown words at 100 dimensions; a word that was dropped costs 4 µs when it occurs again. With `fasttext` twice
# as many words are unknown as with the others.
UNKNOWN_CACHE_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class EmbeddedDocuments:
    """n documents as vectors.

    doc_vectors (n, d) float32; tokens (n,) int64, how many each has; known (n,) int64, how many of the tokens are
    in the vocabulary; present (n,) bool, whether a document has a vector. A vector of zeros is none: it points
    nowhere, and is near the centroids only because all vectors of few known words are short.
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
        self._bundle = bundle
        self._tfidf = manifest.pooling == "tfidf"
        self._tokenizer = manifest.make_tokenizer()
        self._unknown = open_unknown_words(bundle, cache_bytes=cache_bytes)
        self._vocabulary = Vocabulary(
            bundle.vocabulary, self._tokenizer.is_token, ngrams=bundle.ngram_vectors is not None
        )

    def embed(self, texts: Sequence[str]) -> EmbeddedDocuments:
        """Return the vectors of n ≥ 0 texts, in time and memory linear in their length.

        A vector is Σ weight(w)·v(w) / m over the m tokens with a vector and a weight other than 0. With pooling
        `mean` all weights are 1, as with `numpy.mean` of gensim's vectors; its weakness: frequent words outweigh the
        words that tell what the text is about. With `fasttext` they are 1/‖v(w)‖ (`norms`), so that words count
        alike; frequent words outweigh the others all the more. With `sif` they are a/(a + p(w)), and the vector
        loses its projections on the components. Source: Arora, Liang, Ma 2017, "A simple but tough-to-beat baseline
        for sentence embeddings". With `tfidf` a word's weight falls with the documents that have it, and with how
        often this one has it before, so that all its occurrences count 1 + log c; the vector loses its projections
        on the components and has length 1, so that long documents lie no farther out than short ones. Its weakness:
        the length says no more how much the words agree.
        """
        blocks = _blocks(list(map(len, texts)))
        return _concatenate([self._embed_block(*self._tokenizer.fold_all(texts[block])) for block in blocks])

    def embed_tokens(self, documents: Sequence[Sequence[str]]) -> EmbeddedDocuments:
        """Return the vectors of n ≥ 0 documents that are tokens of the bundle's tokenizer already."""
        blocks = _blocks([sum(map(len, tokens)) for tokens in documents])
        return _concatenate([self._embed_block(*join_tokens(documents[block])) for block in blocks])

    def _embed_block(self, folded: bytes, offsets: NDArray[np.int64]) -> EmbeddedDocuments:
        """Return the vectors of documents that begin at `offsets` (n,) of `folded`."""
        ids, bounds = self._look_up(folded, offsets)
        words = distinct_words(ids, bounds)
        # Nearly all words are known, so the others are handled by position. As unsigned numbers, NO_VECTOR and
        # NO_TOKEN are large too.
        others = np.flatnonzero(words.ids.view(np.uint32) >= self._vocabulary.size)
        sums, left_out = self._sum_known(words, others)
        if len(others):
            unknown_sums, unknown = self._sum_unknown(ids, bounds)
            sums += unknown_sums
            left_out -= unknown
        counts = np.diff(bounds)
        pooled = np.maximum(counts - left_out, 1).astype(np.float32)
        doc_vectors = self._remove_components(sums / pooled[:, None])
        if self._tfidf:
            scale_to_unit_length(doc_vectors)
        return EmbeddedDocuments(
            doc_vectors,
            tokens=counts - words.occurrences(others[words.ids[others] == NO_TOKEN]),
            known=counts - words.occurrences(others),
            present=np.count_nonzero(doc_vectors, axis=1) > 0,
        )

    def _look_up(
        self, folded: bytes, offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the ids (m,) of the words of n texts; those of text i are from bounds[i] to bounds[i + 1] (n + 1,)."""
        if self._unknown.full:
            self._unknown.clear()
            self._vocabulary.clear_unknown()
        starts, lengths = find_words(folded)
        ids = self._vocabulary.ids(folded, starts, lengths)
        if new := self._vocabulary.unknown(since=len(self._unknown)):
            self._unknown.add(new)
        return ids, np.append(np.searchsorted(starts, offsets), len(starts))

    def _sum_known(
        self, words: DistinctWords, others: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the weighted sums (n, d) of words but the `others`, and how many words of weight 0 a document has."""
        rows = words.ids.copy()
        rows[others] = 0
        weights = self._bundle.word_weights.take(rows)
        weights[others] = 0
        left_out = words.occurrences(np.flatnonzero(weights == 0))
        weights *= damp_counts(words.counts) if self._tfidf else words.counts
        return sum_rows(self._bundle.word_vectors, rows, weights, words.bounds), left_out

    def _sum_unknown(
        self, ids: NDArray[np.int32], bounds: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the weighted sums (n, d) of the unknown words, and how many of a weight other than 0 there are.

        Their ids tell when they came first: sums in the order of ids would have other bits in another batch.
        """
        unknown = np.flatnonzero(ids >= self._vocabulary.size)
        own_bounds = np.searchsorted(unknown, bounds)
        rows = ids[unknown] - self._vocabulary.size
        weights = self._unknown.weights.take(rows)
        pooled = np.diff(np.searchsorted(np.flatnonzero(weights), own_bounds))
        if self._tfidf:
            weights *= damp_repetitions(rows, own_bounds)
        return sum_rows(self._unknown.vectors, rows, weights, own_bounds), pooled

    def _remove_components(self, doc_vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Subtract from each vector, in place, its projections on the components."""
        for component in self._bundle.components:
            # Not a matrix product: its rounding would depend on the number of documents.
            doc_vectors -= (doc_vectors * component).sum(axis=1, keepdims=True) * component
        return doc_vectors


def _concatenate(blocks: Sequence[EmbeddedDocuments]) -> EmbeddedDocuments:
    return blocks[0] if len(blocks) == 1 else EmbeddedDocuments.concatenate(blocks)


def _blocks(lengths: Sequence[int]) -> Iterator[slice]:
    """Yield blocks of whole documents of `lengths` characters; one empty block when there are none."""
    start = characters = 0
    for index, length in enumerate(lengths):
        if characters and characters + length > _BLOCK_CHARACTERS:
            yield slice(start, index)
            start, characters = index, 0
        characters += length
    yield slice(start, len(lengths))
