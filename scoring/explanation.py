"""Why two documents are similar: what each word adds to the cosine of their vectors.

A document vector is linear in its words, before and after the components are removed. With R = (I − pₖpₖᵀ)…(I − p₁p₁ᵀ)
for the components p, and b̂ the unit vector of the other document:

    a = R Σ w(t)·n(t)·v(t)        cos(a, b) = Σ w(t)·n(t) / |a| · v(t)·Rᵀb̂ = Σ contribution(t)

over the distinct tokens t of a, which occur n(t) times and have the weight w(t) and the vector v(t). The sum need not
be a mean, since its length cancels. In float64, so that the contributions add up to the cosine to 1e-12, where
`scoring.similarity` rounds vectors to float32.

Its weakness: a contribution is a word's share of this cosine and no more. What is left of a document that consists of
what all documents share is short, and its contributions are large and cancel each other.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.bundle import Bundle
from scoring.embedding.tfidf import damp_counts
from scoring.embedding.unknown_words import open_unknown_words
from scoring.embedding.vocabulary import NO_VECTOR


@dataclass(frozen=True, slots=True)
class DocumentExplanation:
    """What the t distinct tokens of one document add to the cosine, the largest first, ties by first occurrence.

    counts (t,) int64, how often each occurs; known (t,) bool, whether it is in the vocabulary; contributions (t,)
    float64, zero for a token without a vector.
    """

    tokens: Sequence[str]
    counts: NDArray[np.int64]
    known: NDArray[np.bool_]
    contributions: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The cosine of two documents, −1 to 1, and the same sum over the tokens of either of them.

    Without a vector of both the cosine is 0, as `scoring.similarity` has it, and every contribution too.
    """

    similarity: float
    documents: tuple[DocumentExplanation, DocumentExplanation]


def explain(bundle: Bundle, first: str, second: str) -> Explanation:
    """Explain the cosine of two texts; time and memory are linear in their length, 12·d bytes a distinct token."""
    one, other = _pool(bundle, first), _pool(bundle, second)
    unit_one, unit_other = _unit(one.doc_vector), _unit(other.doc_vector)
    similarity = float(np.clip(unit_one @ unit_other, -1, 1))
    documents = _explain(bundle, one, unit_other), _explain(bundle, other, unit_one)
    return Explanation(similarity, documents)


@dataclass(frozen=True, slots=True)
class _Pooled:
    """The distinct tokens of a document, their vectors (t, d), and what the sum of those is multiplied with (t,)."""

    tokens: Sequence[str]
    counts: NDArray[np.int64]
    known: NDArray[np.bool_]
    vectors: NDArray[np.float32]
    factors: NDArray[np.float64]
    doc_vector: NDArray[np.float64]


def _pool(bundle: Bundle, text: str) -> _Pooled:
    counted = Counter(bundle.manifest.make_tokenizer().tokenize(text))
    tokens = list(counted)
    counts = np.fromiter(counted.values(), dtype=np.int64, count=len(tokens))
    rows = np.fromiter((bundle.vocabulary.get(token, NO_VECTOR) for token in tokens), np.int64, len(tokens))
    known = rows != NO_VECTOR
    vectors = np.zeros((len(tokens), bundle.manifest.dimensions), dtype=np.float32)
    vectors[known] = bundle.word_vectors[rows[known]]
    weights = np.zeros(len(tokens))
    weights[known] = bundle.word_weights[rows[known]]
    if bundle.ngram_vectors is not None and not known.all():
        unknown = open_unknown_words(bundle, cache_bytes=0)
        unknown.add([tokens[i] for i in np.flatnonzero(~known)])
        vectors[~known], weights[~known] = unknown.vectors, unknown.weights
    factors = weights * (damp_counts(counts) if bundle.manifest.pooling == "tfidf" else counts)
    doc_vector = factors @ vectors.astype(np.float64)
    for component in bundle.components.astype(np.float64):
        doc_vector -= (doc_vector @ component) * component
    return _Pooled(tokens, counts, known, vectors, factors, doc_vector)


def _explain(bundle: Bundle, document: _Pooled, other_unit: NDArray[np.float64]) -> DocumentExplanation:
    direction = other_unit.copy()
    for component in bundle.components[::-1].astype(np.float64):
        direction -= (direction @ component) * component
    length = float(np.linalg.norm(document.doc_vector)) or 1.0
    contributions = document.factors / length * (document.vectors.astype(np.float64) @ direction)
    order = np.argsort(-contributions, kind="stable")
    return DocumentExplanation(
        [document.tokens[i] for i in order],
        document.counts[order],
        document.known[order],
        contributions[order],
    )


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector
