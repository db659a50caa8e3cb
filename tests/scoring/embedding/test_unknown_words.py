"""Unknown words: their vectors, and the bound of the cache that keeps them."""

import numpy as np

from scoring.embedding.unknown_words import UnknownWords


def unknown_words(cache_bytes: int = 1_000) -> UnknownWords:
    """Return a cache of unknown words of four dimensions, hence 16 bytes each."""
    vectors = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    return UnknownWords(vectors, 5, 6, weight=0.5, cache_bytes=cache_bytes)


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


def test_the_cache_is_full_beyond_its_bytes_and_can_be_cleared() -> None:
    """It is full when its vectors take more than the given bytes, and empty after clearing."""
    words = unknown_words(cache_bytes=32)
    states = []

    for word in ["backwash", "undertow", "stormsurge"]:
        words.add([word])
        states.append(words.full)
    words.clear()
    states.append(words.full)

    assert states == [False, False, True, False]
    assert len(words) == 0
