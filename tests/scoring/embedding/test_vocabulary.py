"""Words to numbers: rows of the trie, numbers of unknown words, and what has neither."""

import marisa_trie
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.embedding.vocabulary import NO_TOKEN, NO_VECTOR, Vocabulary
from scoring.tokens import MAX_TOKEN_LENGTH, find_words, fold_all, tokenize

WORD = st.text(st.sampled_from("abcdeéя中𐐨"), min_size=1, max_size=30)
KNOWN = ["storm", "harbour", "internationalisation", "élan", "сегодняшний"]


def vocabulary(words: list[str] | None = None, *, ngrams: bool = True) -> Vocabulary:
    """Return a vocabulary of `words`."""
    return Vocabulary(marisa_trie.Trie(KNOWN if words is None else words), MAX_TOKEN_LENGTH, ngrams=ngrams)


def numbers_of(vocabulary: Vocabulary, *texts: str) -> list[int]:
    """Return the numbers of all words of texts."""
    folded, _ = fold_all(texts)
    numbers: list[int] = vocabulary.numbers(folded, *find_words(folded)).tolist()
    return numbers


@settings(max_examples=50)
@given(st.lists(WORD, min_size=1, unique=True), st.lists(WORD))
def test_known_words_have_their_rows_and_others_are_numbered_on(known: list[str], texts: list[str]) -> None:
    """Numbers are those of the trie, then of the unknown words, cached or not."""
    words = vocabulary(known)
    trie = marisa_trie.Trie(known)

    for _ in range(2):
        numbers = numbers_of(words, *texts)

        tokens = [token for text in texts for token in tokenize(text)]
        unknown = words.unknown()
        assert set(unknown) == {token for token in tokens if token not in trie}
        assert len(unknown) == len(set(unknown))
        assert numbers == [
            trie[token] if token in trie else len(trie) + unknown.index(token) for token in tokens
        ]


def test_unknown_words_have_no_vector_without_ngrams() -> None:
    """A model without n-grams knows nothing of an unknown word."""
    words = vocabulary(ngrams=False)

    numbers = numbers_of(words, "storm squall internationalisations")

    assert numbers[1:] == [NO_VECTOR, NO_VECTOR]
    assert words.unknown() == []


def test_a_run_of_too_many_letters_is_no_token() -> None:
    """A run beyond the cap is neither known nor unknown."""
    words = vocabulary()

    numbers = numbers_of(words, "a" * (MAX_TOKEN_LENGTH + 1), "é" * MAX_TOKEN_LENGTH)

    assert numbers == [NO_TOKEN, words.size]


def test_words_that_begin_alike_are_told_apart() -> None:
    """Words that agree in more bytes than a key has are different words."""
    words = vocabulary(["internationalisation", "internationalise", "internationali"])

    texts = ["internationalisation", "internationalise", "internationali", "internationalis"]
    first = numbers_of(words, *texts)

    assert len(set(first)) == 4
    assert numbers_of(words, *texts) == first


def test_forgotten_words_are_numbered_anew() -> None:
    """After forgetting, numbers of unknown words start over and known words keep theirs."""
    words = vocabulary()
    before = numbers_of(words, "storm squall gust incomprehensibilities")

    words.forget_unknown()
    after = numbers_of(words, "incomprehensibilities gust storm")

    assert sorted(after) == [before[0], words.size, words.size + 1]
    assert words.unknown(since=after[1] - words.size)[0] == "gust"


def test_more_words_than_the_cache_holds_keep_their_numbers() -> None:
    """The cache is bounded; what it dropped is looked up again."""
    many = ["".join(chr(97 + int(digit)) for digit in str(n)) for n in range(100_000)]
    words = vocabulary(many)
    trie = marisa_trie.Trie(many)

    numbers_of(words, " ".join(many))
    again = numbers_of(words, " ".join(many))

    np.testing.assert_array_equal(again, [trie[word] for word in many])
