"""Character n-grams: gensim is the oracle."""

import numpy as np
from gensim.models.fasttext import ft_ngram_hashes
from hypothesis import given
from hypothesis import strategies as st

from scoring.embedding.ngrams import ngram_hashes, sum_ngrams

CHARACTERS = st.one_of(st.sampled_from("abcéя中𐐨<>"), st.characters(exclude_categories=["Cs"]))
WORDS = st.lists(st.text(CHARACTERS), min_size=1)


@given(words=WORDS, min_n=st.integers(0, 7), max_n=st.integers(0, 70))
def test_hashes_are_those_of_gensim(words: list[str], min_n: int, max_n: int) -> None:
    """Words of any characters, hashed together, have gensim's n-grams in gensim's order."""
    hashes, counts = ngram_hashes(words, min_n, max_n)

    expected = [ft_ngram_hashes(word, min_n, max_n, 2**32) for word in words]
    assert counts.tolist() == [len(ngrams) for ngrams in expected]
    assert hashes.tolist() == [ngram for ngrams in expected for ngram in ngrams]


def test_sums_are_those_of_the_rows_of_the_hashes() -> None:
    """A vector is summed once for each n-gram; a word without n-grams has zeros."""
    vectors = np.arange(20, dtype=np.float32).reshape(10, 2)
    words = ["undertow", "a", "undertow"]

    sums, counts = sum_ngrams(words, vectors, 5, 6)

    rows = [ft_ngram_hashes(word, 5, 6, len(vectors)) for word in words]
    assert counts.tolist() == [len(ngrams) for ngrams in rows]
    np.testing.assert_array_equal(
        sums, [vectors[ngrams].sum(axis=0) if ngrams else [0, 0] for ngrams in rows]
    )
    assert sums.dtype == np.float32
