"""Latent semantic analysis as word vectors; scikit-learn's truncated SVD is the oracle."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack
from sklearn.decomposition import TruncatedSVD

from scoring.bundle.manifest import Pooling
from scoring.training import lsa
from scoring.training.fasttext import FastTextParameters, train_word_vectors
from scoring.training.lsa import append_lsa
from scoring.training.shared_axes import FEW_DOCS
from scoring.training.sif import common_components
from scoring.training.word_counts import (
    CorpusWords,
    count_words,
    inverse_frequencies,
    pooled_counts,
    pooling_weights,
)
from scoring.training.word_vectors import WordVectors

DOCUMENTS = [
    ["storm", "closes", "harbour", "storm"],
    ["gale", "closes", "harbour"],
    ["rates", "rise", "again"],
    ["bank", "rates", "rise"],
    ["storm", "gale", "again"],
]


def trained() -> WordVectors:
    """Return small FastText vectors of the documents."""
    return train_word_vectors(DOCUMENTS, FastTextParameters(dimensions=4, epochs=1, seed=1))


def corpus_words(
    vectors: WordVectors, pooling: Pooling = "tfidf", documents: list[list[str]] = DOCUMENTS
) -> CorpusWords:
    """Return what the documents tell of the vectors' words."""
    counts = count_words(vectors.words, documents)
    weights = pooling_weights(pooling, counts)
    ones = np.ones(len(vectors.words), np.float32)
    return CorpusWords(
        pooled_counts(pooling, counts), ones if weights is None else weights, inverse_frequencies(counts)
    )


def append(vectors: WordVectors, dimensions: int) -> WordVectors:
    """Return the vectors with LSA of the documents after them."""
    return append_lsa(vectors, corpus_words(vectors), dimensions, seed=1)[0]


def cosines(vectors: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the cosines (n, n) of vectors (n, d)."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(units @ units.T)


@pytest.fixture
def _nothing_in_common(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let documents keep what they have in common, as in a large corpus."""
    monkeypatch.setattr(lsa, "FEW_DOCS", 0)


@pytest.mark.usefixtures("_nothing_in_common")
@pytest.mark.parametrize("pooling", ["mean", "sif", "tfidf"])
def test_pooled_documents_are_the_projections_of_lsa(pooling: Pooling) -> None:
    """Where documents are few, the new dimensions, pooled by words, have the cosines of a truncated SVD."""
    vectors = trained()
    counts = np.array([[float(tokens.count(word)) for word in vectors.words] for tokens in DOCUMENTS])
    pooled = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0) if pooling == "tfidf" else counts
    weighted = pooled * np.log((len(DOCUMENTS) + 1) / (counts > 0).sum(axis=0))
    svd = TruncatedSVD(5, random_state=0).fit(weighted / np.linalg.norm(weighted, axis=1, keepdims=True))
    expected = svd.transform(weighted) * np.sqrt(svd.singular_values_)
    corpus = corpus_words(vectors, pooling)

    found = append_lsa(vectors, corpus, 5, seed=1)[0].word_vectors[:, 4:]

    np.testing.assert_allclose(cosines(corpus.pool(np.asarray(found))), cosines(expected), atol=1e-5)


@pytest.mark.usefixtures("_nothing_in_common")
def test_a_new_document_has_no_part_in_its_words() -> None:
    """The second array places it where a decomposition of the same directions without its row would."""
    vectors, corpus = trained(), corpus_words(trained())
    weighted = corpus.counts.toarray() * corpus.importance
    rows = weighted / np.linalg.norm(weighted, axis=1, keepdims=True)
    left, strengths, _ = np.linalg.svd(rows, full_matrices=False)
    # Words are sums of the rows that have them, times U/S; each row in turn is left out of them.
    alone = np.array(
        [rows[i] @ (rows.T @ (left / strengths) - np.outer(rows[i], left[i] / strengths)) for i in range(5)]
    )
    expected = alone * np.sqrt(strengths)

    seen, unseen = (np.asarray(part)[:, 4:] for part in _both(vectors, corpus))

    scale = np.linalg.norm(corpus.pool(seen)) / np.linalg.norm(
        corpus.pool((rows.T @ (left / strengths)) * np.sqrt(strengths) * _per_weight(corpus))
    )
    lengths = np.linalg.norm(weighted, axis=1) / corpus.counts.toarray().sum(axis=1)
    # Below a strength of 1 a document alone would lie on the other side; it is said to be at 0 there.
    expected[:, strengths < 1] = 0
    np.testing.assert_allclose(
        cosines(corpus.pool(unseen) + 1e-9), cosines(expected * lengths[:, None] * scale + 1e-9), atol=1e-4
    )


def _both(vectors: WordVectors, corpus: CorpusWords) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    joined, unseen = append_lsa(vectors, corpus, 5, seed=1)
    return np.asarray(joined.word_vectors), unseen


def _per_weight(corpus: CorpusWords) -> NDArray[np.float32]:
    return np.asarray((corpus.importance / corpus.weights)[:, None])


@pytest.mark.usefixtures("_nothing_in_common")
def test_fasttext_loses_what_all_documents_share_and_n_grams_get_zeros() -> None:
    """An unknown word has its FastText vector without that direction, scaled as known words, and zeros for LSA."""
    before, corpus = trained(), corpus_words(trained())
    assert before.ngram_vectors is not None
    common = common_components(corpus.pool(np.asarray(before.word_vectors)).astype(np.float32), 1)
    words, ngrams = (
        part - part @ common.T @ common for part in (before.word_vectors, np.asarray(before.ngram_vectors))
    )

    after = append(before, 2)

    assert after.ngram_vectors is not None
    scale = np.linalg.norm(after.word_vectors[0, :4]) / np.linalg.norm(words[0])
    np.testing.assert_allclose(after.word_vectors[:, :4], scale * words, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(after.ngram_vectors[:, :4], scale * ngrams, rtol=1e-4, atol=1e-5)
    assert not after.ngram_vectors[:, 4:].any()


def test_more_dimensions_than_documents_are_zeros() -> None:
    """A corpus of five documents has five directions; what is beyond is finite and empty."""
    found = append(trained(), 9).word_vectors[:, 4:]

    assert np.isfinite(found).all()
    assert not found[:, 5:].any()


def test_few_documents_lose_a_quarter_of_what_they_have_in_common(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words, unknown words and the vectors for new documents alike."""
    vectors, corpus = trained(), corpus_words(trained())
    few, few_unseen = append_lsa(vectors, corpus, 5, seed=1)
    monkeypatch.setattr(lsa, "FEW_DOCS", 0)
    many, many_unseen = append_lsa(vectors, corpus, 5, seed=1)
    pooled = corpus.pool(np.asarray(many.word_vectors))
    mean = (pooled / np.linalg.norm(pooled, axis=1, keepdims=True)).mean(axis=0)
    direction = mean / np.linalg.norm(mean)

    for less, all_of_it in (
        (few.word_vectors, many.word_vectors),
        (few.ngram_vectors, many.ngram_vectors),
        (few_unseen, many_unseen),
    ):
        rows = np.asarray(all_of_it)
        expected = rows - 0.25 * np.outer(rows @ direction, direction)
        np.testing.assert_allclose(np.asarray(less), expected, rtol=1e-4, atol=1e-5)


def test_documents_without_words_change_nothing() -> None:
    """They make a small corpus no large one, and have no part in what documents have in common."""
    vectors = trained()
    corpus = corpus_words(vectors)
    empty = csr_array((FEW_DOCS, len(vectors.words)))
    with_empty = replace(corpus, counts=vstack([corpus.counts, empty], format="csr"))

    (expected, expected_unseen), (found, unseen) = (
        append_lsa(vectors, words, 3, seed=1) for words in (corpus, with_empty)
    )

    np.testing.assert_array_equal(found.word_vectors, expected.word_vectors)
    np.testing.assert_array_equal(unseen, expected_unseen)
