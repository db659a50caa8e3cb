"""The cache of hot words: exact, bounded, and nothing but a cache."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.embedding.word_cache import KEY_BYTES, WordCache, WordKeys, word_keys

WORDS = st.lists(st.binary(min_size=1, max_size=KEY_BYTES).filter(lambda word: 0 not in word), unique=True)


def keys_of(words: list[bytes]) -> WordKeys:
    """Return the keys of words that stand side by side in one text."""
    lengths = np.array([len(word) for word in words], dtype=np.int64)
    return word_keys(b"".join(words), np.cumsum(lengths) - lengths, lengths)


def numbered(count: int, first: int = 0) -> NDArray[np.int32]:
    """Return consecutive numbers."""
    return np.arange(first, first + count, dtype=np.int32)


def many_words(count: int) -> list[bytes]:
    """Return distinct words of lower-case letters."""
    return ["".join(chr(97 + int(digit)) for digit in str(n)).encode() for n in range(count)]


@given(WORDS, WORDS)
def test_a_stored_word_is_found_and_no_other(stored: list[bytes], asked: list[bytes]) -> None:
    """What was stored has its number, what was not is missing."""
    hot = WordCache()
    hot.store(keys_of(stored), numbered(len(stored), first=7))

    numbers, missing = hot.find(keys_of(stored + asked))

    new = {index + len(stored) for index, word in enumerate(asked) if word not in stored}
    assert set(missing.tolist()) == new
    expected = {word: number for number, word in enumerate(stored, start=7)}
    for index, word in enumerate(stored + asked):
        assert index in new or numbers[index] == expected[word]


def test_words_stored_many_at_a_time_are_nearly_all_found() -> None:
    """Neighbouring slots take up nearly all words that hash alike."""
    hot = WordCache()
    keys = keys_of(many_words(20_000))

    hot.store(keys, numbered(20_000))

    assert len(hot.find(keys)[1]) < 100


def test_a_full_cache_forgets_but_never_confuses() -> None:
    """With more words than slots some are missing, and every one that is found has its own number."""
    hot = WordCache()
    keys = keys_of(many_words(300_000))
    for start in range(0, 300_000, 50_000):
        hot.store(keys[start : start + 50_000], numbered(50_000, first=start))

    numbers, missing = hot.find(keys)

    found = np.setdiff1d(np.arange(300_000), missing)
    assert 80_000 < len(found) < 140_000
    np.testing.assert_array_equal(numbers[found], found)


def test_words_above_a_number_can_be_forgotten() -> None:
    """Forgetting takes words from a number on, and leaves the others where they can be found."""
    hot = WordCache()
    keys = keys_of(many_words(1_000))
    hot.store(keys, numbered(1_000))

    hot.forget(600)

    np.testing.assert_array_equal(hot.find(keys)[1], np.arange(600, 1_000))


def test_the_same_word_may_be_stored_twice_at_once() -> None:
    """A block stores a missing word as often as it occurs."""
    hot = WordCache()
    keys = keys_of([b"storm", b"gale", b"storm"])

    hot.store(keys, np.array([4, 5, 4], dtype=np.int32))

    assert hot.find(keys)[0].tolist() == [4, 5, 4]
