"""Latent semantic analysis as word vectors; scikit-learn's truncated SVD is the oracle."""

import numpy as np
from sklearn.decomposition import TruncatedSVD

from scoring.training.fasttext import FastTextParameters, train_word_vectors
from scoring.training.lsa import append_lsa
from scoring.training.sif import sif_weights
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


def counted(words: list[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return how often each document has each word."""
    return np.array([[float(tokens.count(word)) for word in words] for tokens in DOCUMENTS])


def test_pooled_documents_are_the_projections_of_lsa() -> None:
    """Cosines of the new dimensions, pooled with the weights of sif, are those of a truncated SVD."""
    vectors = trained()
    counts = counted(list(vectors.words))
    weighted = counts * np.log((len(DOCUMENTS) + 1) / (counts > 0).sum(axis=0))
    rows = weighted / np.linalg.norm(weighted, axis=1, keepdims=True)
    expected = TruncatedSVD(3, random_state=0).fit(rows).transform(weighted)

    lsa = append_lsa(vectors, DOCUMENTS, 3, seed=1).word_vectors[:, 4:]

    pooled = counts @ (lsa * sif_weights(counts.sum(axis=0).astype(np.int64))[:, None])
    pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(pooled @ pooled.T, expected @ expected.T, atol=1e-5)


def test_fasttext_stays_and_n_grams_get_zeros() -> None:
    """An unknown word has its FastText vector and zeros in the dimensions of LSA."""
    before = trained()

    after = append_lsa(before, DOCUMENTS, 2, seed=1)

    assert before.ngram_vectors is not None
    assert after.ngram_vectors is not None
    np.testing.assert_array_equal(after.word_vectors[:, :4], before.word_vectors)
    np.testing.assert_array_equal(after.ngram_vectors[:, :4], before.ngram_vectors)
    assert not after.ngram_vectors[:, 4:].any()


def test_more_dimensions_than_documents_are_zeros() -> None:
    """A corpus of five documents has five directions; what is beyond is finite and empty."""
    lsa = append_lsa(trained(), DOCUMENTS, 9, seed=1).word_vectors[:, 4:]

    assert np.isfinite(lsa).all()
    assert not lsa[:, 5:].any()
