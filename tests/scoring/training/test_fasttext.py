"""Training of word vectors with gensim."""

import numpy as np
import pytest

from scoring.training.fasttext import FastTextParameters, train_word_vectors

DOCUMENTS = [["storm", "closes", "harbour"], ["rates", "rise", "again"], ["storm", "again"]] * 10


def test_every_word_of_a_small_corpus_gets_vectors() -> None:
    """Words, their counts, and n-grams for words to come."""
    vectors = train_word_vectors(DOCUMENTS, FastTextParameters(dimensions=8, epochs=1, seed=1))

    assert vectors.counts is not None
    counts = dict(zip(vectors.words, vectors.counts.tolist(), strict=True))
    assert counts == {"storm": 20, "again": 20, "closes": 10, "harbour": 10, "rates": 10, "rise": 10}
    assert vectors.word_vectors.shape == (6, 8)
    assert vectors.ngram_vectors is not None
    assert vectors.ngram_vectors.shape == (24, 8)


def test_rare_words_of_a_large_corpus_get_none() -> None:
    """Above a million tokens a word must be seen five times."""
    documents = [["storm"] * 10_000] * 101 + [["typo"], *[["gale"]] * 5]

    vectors = train_word_vectors(documents, FastTextParameters(dimensions=2, epochs=1, seed=1, sample=1e-9))

    assert sorted(vectors.words) == ["gale", "storm"]


def test_a_long_document_is_read_to_its_end() -> None:
    """Gensim alone would drop what follows the first 10,000 tokens."""
    vectors = train_word_vectors(
        [["storm"] * 10_000 + ["harbour"] * 7], FastTextParameters(dimensions=2, epochs=1, seed=1)
    )

    assert vectors.words == ["storm", "harbour"]


@pytest.mark.parametrize("epochs", [1, 3])
def test_progress_counts_epochs(epochs: int) -> None:
    """A step each."""
    steps: list[tuple[str, int, int]] = []

    train_word_vectors(DOCUMENTS, FastTextParameters(8, epochs, 1), lambda *step: steps.append(step))

    assert steps == [("train", done, epochs) for done in range(1, epochs + 1)]


def test_seeds_differ_and_repeat() -> None:
    """The same seed gives the same bits, another one others."""
    first, again, other = (
        train_word_vectors(DOCUMENTS, FastTextParameters(8, 2, seed)) for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(first.word_vectors, again.word_vectors)
    np.testing.assert_array_equal(first.ngram_vectors, again.ngram_vectors)
    assert not np.array_equal(first.word_vectors, other.word_vectors)
