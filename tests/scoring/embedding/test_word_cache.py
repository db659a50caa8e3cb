"""The cache of words: exact and bounded."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.embedding.word_cache import KEY_BYTES, WordCache, WordKeys, word_keys

WORDS = st.lists(st.binary(min_size=1, max_size=KEY_BYTES).filter(lambda word: 0 not in word), unique=True)


def keys_of(words: list[bytes]) -> WordKeys:
    """Return the keys of words that follow each other without a gap in one text."""
    lengths = np.array([len(word) for word in words], dtype=np.int64)
    return word_keys(b"".join(words), np.cumsum(lengths) - lengths, lengths)


def numbered(count: int, first: int = 0) -> NDArray[np.int32]:
    """Return consecutive ids."""
    return np.arange(first, first + count, dtype=np.int32)


def many_words(count: int) -> list[bytes]:
    """Return distinct words of lower-case letters."""
    return ["".join(chr(97 + int(digit)) for digit in str(n)).encode() for n in range(count)]


@given(WORDS, WORDS)
def test_a_stored_word_is_found_and_no_other(stored: list[bytes], asked: list[bytes]) -> None:
    """A stored word has its id, any other is missing."""
    cache = WordCache()
    cache.store(keys_of(stored), numbered(len(stored), first=7))

    ids, missing = cache.find(keys_of(stored + asked))

    new = {index + len(stored) for index, word in enumerate(asked) if word not in stored}
    assert set(missing.tolist()) == new
    expected = {word: number for number, word in enumerate(stored, start=7)}
    for index, word in enumerate(stored + asked):
        assert index in new or ids[index] == expected[word]


def test_words_stored_many_at_a_time_are_nearly_all_found() -> None:
    """Adjacent slots hold nearly all words with equal hashes."""
    cache = WordCache()
    keys = keys_of(many_words(20_000))

    cache.store(keys, numbered(20_000))

    assert len(cache.find(keys)[1]) < 100


def test_a_full_cache_drops_words_but_never_confuses_them() -> None:
    """With more words than slots some are missing, and every word that is found has its own id."""
    cache = WordCache()
    keys = keys_of(many_words(300_000))
    for start in range(0, 300_000, 50_000):
        cache.store(keys[start : start + 50_000], numbered(50_000, first=start))

    ids, missing = cache.find(keys)

    found = np.setdiff1d(np.arange(300_000), missing)
    assert 80_000 < len(found) < 140_000
    np.testing.assert_array_equal(ids[found], found)


def test_words_from_an_id_on_can_be_dropped() -> None:
    """Words with that id or a higher one are missing, the others are still found."""
    cache = WordCache()
    keys = keys_of(many_words(1_000))
    cache.store(keys, numbered(1_000))

    cache.drop(600)

    np.testing.assert_array_equal(cache.find(keys)[1], np.arange(600, 1_000))


def test_the_same_word_may_be_stored_twice_at_once() -> None:
    """A block stores a missing word as often as it occurs."""
    cache = WordCache()
    keys = keys_of([b"storm", b"gale", b"storm"])

    cache.store(keys, np.array([4, 5, 4], dtype=np.int32))

    assert cache.find(keys)[0].tolist() == [4, 5, 4]
