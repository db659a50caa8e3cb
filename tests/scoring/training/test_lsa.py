"""Latent semantic analysis as word vectors; scikit-learn's truncated SVD is the oracle."""

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD

from scoring.bundle.manifest import Pooling
from scoring.training.fasttext import FastTextParameters, train_word_vectors
from scoring.training.lsa import append_lsa
from scoring.training.word_counts import count_words, pooled_counts, pooling_weights
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


def append(vectors: WordVectors, dimensions: int, pooling: Pooling = "tfidf") -> WordVectors:
    """Return the vectors with LSA of the documents after them."""
    counts = count_words(vectors.words, DOCUMENTS)
    weights = pooling_weights(pooling, counts)
    return append_lsa(vectors, pooled_counts(pooling, counts), weights, dimensions, seed=1)[0]


@pytest.mark.parametrize("pooling", ["mean", "sif", "tfidf"])
def test_pooled_documents_are_the_projections_of_lsa(pooling: Pooling) -> None:
    """Cosines of the new dimensions, pooled with the weights of words, are those of a truncated SVD."""
    vectors = trained()
    counts = np.array([[float(tokens.count(word)) for word in vectors.words] for tokens in DOCUMENTS])
    pooled = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0) if pooling == "tfidf" else counts
    weighted = pooled * np.log((len(DOCUMENTS) + 1) / (counts > 0).sum(axis=0)) ** 1.5
    svd = TruncatedSVD(3, random_state=0).fit(weighted / np.linalg.norm(weighted, axis=1, keepdims=True))
    expected = svd.transform(weighted) * np.sqrt(svd.singular_values_)

    lsa = append(vectors, 3, pooling).word_vectors[:, 4:]

    weights = pooling_weights(pooling, count_words(vectors.words, DOCUMENTS))
    ours = pooled @ (lsa if weights is None else lsa * weights[:, None])
    ours /= np.linalg.norm(ours, axis=1, keepdims=True)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(ours @ ours.T, expected @ expected.T, atol=1e-5)


def test_fasttext_is_scaled_and_n_grams_get_zeros() -> None:
    """An unknown word has its FastText vector, as long beside the others as before, and zeros for LSA."""
    before = trained()

    after = append(before, 2)

    assert before.ngram_vectors is not None
    assert after.ngram_vectors is not None
    scale = after.word_vectors[0, 0] / before.word_vectors[0, 0]
    np.testing.assert_allclose(after.word_vectors[:, :4], scale * before.word_vectors, rtol=1e-6)
    np.testing.assert_allclose(after.ngram_vectors[:, :4], scale * before.ngram_vectors, rtol=1e-6)
    assert not after.ngram_vectors[:, 4:].any()


def test_more_dimensions_than_documents_are_zeros() -> None:
    """A corpus of five documents has five directions; what is beyond is finite and empty."""
    lsa = append(trained(), 9).word_vectors[:, 4:]

    assert np.isfinite(lsa).all()
    assert not lsa[:, 5:].any()
