"""Unknown words: what is remembered of them, and for how long."""

import numpy as np
from gensim.models.fasttext import ft_ngram_hashes
from hypothesis import given
from hypothesis import strategies as st

from scoring.embedding.unknown_words import UnknownWords, ngram_hashes

LETTERS = st.one_of(st.sampled_from("abcéя中𐐨"), st.characters(categories=["L"]))
WORD = st.text(LETTERS, min_size=1)


@given(words=st.lists(WORD, min_size=1), min_n=st.integers(0, 7), max_n=st.integers(0, 70))
def test_hashes_are_those_of_gensim(words: list[str], min_n: int, max_n: int) -> None:
    """Words of any letters, hashed together, have gensim's n-grams in gensim's order."""
    hashes, counts = ngram_hashes(words, min_n, max_n)

    expected = [ft_ngram_hashes(word, min_n, max_n, 2**32) for word in words]
    assert counts.tolist() == [len(ngrams) for ngrams in expected]
    assert hashes.tolist() == [ngram for ngrams in expected for ngram in ngrams]


def unknown_words(cache_bytes: int = 1_000) -> UnknownWords:
    """Return a model's unknown words, four dimensions and hence 16 bytes each."""
    vectors = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    return UnknownWords(vectors, 5, 6, cache_bytes=cache_bytes)


def test_vectors_stay_as_more_words_are_added() -> None:
    """Vectors are in the order of adding, whether words come at once or one by one."""
    words = ["stormsurge", "backwash", "undertow", "groundswell"]
    together, one_by_one = unknown_words(), unknown_words()

    together.add(words)
    for word in words:
        one_by_one.add([word])

    assert len(one_by_one) == 4
    np.testing.assert_array_equal(together.vectors, one_by_one.vectors)


def test_a_word_without_ngrams_is_zeros() -> None:
    """A word too short for an n-gram has a vector of zeros, as in gensim and in fastText."""
    words = unknown_words()

    words.add(["ab", "undertow"])

    assert not words.vectors[0].any()
    assert words.vectors[1].any()


def test_words_are_full_beyond_their_bytes_and_forgotten_on_demand() -> None:
    """It takes more than the given bytes to be full, and forgetting starts over."""
    words = unknown_words(cache_bytes=32)
    states = []

    for word in ["backwash", "undertow", "stormsurge"]:
        words.add([word])
        states.append(words.full)
    words.forget()
    states.append(words.full)

    assert states == [False, False, True, False]
    assert len(words) == 0
