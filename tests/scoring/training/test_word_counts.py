"""Counting words, and the weights that follow; scikit-learn is the oracle."""

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from scoring.training.word_counts import (
    count_words,
    document_shares,
    inverse_frequencies,
    pooled_counts,
    pooling_weights,
)

TEXTS = ["storm closes harbour storm storm", "gale closes harbour", "", "rates rise again typo"]
DOCUMENTS = [text.split() for text in TEXTS]
WORDS = ["storm", "gale", "closes", "harbour", "rates", "rise", "again", "absent"]


def test_counts_are_those_of_a_vectorizer() -> None:
    """A document a row, a word a column; words without a vector are not counted."""
    expected = CountVectorizer(vocabulary=WORDS).transform(TEXTS).toarray()

    np.testing.assert_array_equal(count_words(WORDS, DOCUMENTS).toarray(), expected)


def test_repetitions_are_damped_for_tfidf_alone() -> None:
    """By 1 + log c, as scikit-learn's sublinear term frequency."""
    counts = count_words(WORDS, DOCUMENTS)
    sublinear = TfidfVectorizer(vocabulary=WORDS, sublinear_tf=True, use_idf=False, norm=None)

    np.testing.assert_allclose(
        pooled_counts("tfidf", counts).toarray(), sublinear.fit_transform(TEXTS).toarray()
    )
    assert pooled_counts("sif", counts) is counts


def test_weights_fall_with_the_documents_that_have_a_word() -> None:
    """log((n + 1) / df); a word of no document has that of a word of one."""
    weights = inverse_frequencies(count_words(WORDS, DOCUMENTS))

    np.testing.assert_allclose(weights[[2, 0, 7]], np.log([5 / 2, 5, 5]), rtol=1e-6)
    assert pooling_weights("mean", count_words(WORDS, DOCUMENTS)) is None


def test_shares_of_documents_follow_from_weights() -> None:
    """So a bundle, which keeps the weights, tells how frequent its words are."""
    shares = document_shares(inverse_frequencies(count_words(WORDS, DOCUMENTS)).astype(np.float64))

    np.testing.assert_allclose(shares[:3], [1 / 5, 1 / 5, 2 / 5], rtol=1e-6)
