"""Words to ids: rows of the trie, ids of unknown words, and words that have neither."""

import marisa_trie
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.embedding.vocabulary import NO_TOKEN, NO_VECTOR, Vocabulary
from scoring.tokens.tokenizer import Tokenizer
from scoring.tokens.words import find_words

WORD = st.text(st.sampled_from("abcdeéя中𐐨"), min_size=1, max_size=30)
LETTERS = Tokenizer()
KNOWN = ["storm", "harbour", "internationalisation", "élan", "сегодняшний"]


def vocabulary(words: list[str] | None = None, *, ngrams: bool = True) -> Vocabulary:
    """Return a vocabulary of `words`."""
    return Vocabulary(marisa_trie.Trie(KNOWN if words is None else words), LETTERS.is_token, ngrams=ngrams)


def ids_of(vocabulary: Vocabulary, *texts: str) -> list[int]:
    """Return the ids of all words of texts."""
    folded, _ = Tokenizer().fold_all(texts)
    ids: list[int] = vocabulary.ids(folded, *find_words(folded)).tolist()
    return ids


@settings(max_examples=50)
@given(st.lists(WORD, min_size=1, unique=True), st.lists(WORD))
def test_known_words_have_their_rows_and_others_the_ids_after(known: list[str], texts: list[str]) -> None:
    """Ids are those of the trie, then of the unknown words, cached or not."""
    words = vocabulary(known)
    trie = marisa_trie.Trie(known)

    for _ in range(2):
        ids = ids_of(words, *texts)

        tokens = [token for text in texts for token in Tokenizer().tokenize(text)]
        unknown = words.unknown()
        assert set(unknown) == {token for token in tokens if token not in trie}
        assert len(unknown) == len(set(unknown))
        assert ids == [trie[token] if token in trie else len(trie) + unknown.index(token) for token in tokens]


def test_unknown_words_have_no_vector_without_ngrams() -> None:
    """A model without n-grams gives an unknown word no id."""
    words = vocabulary(ngrams=False)

    ids = ids_of(words, "storm squall internationalisations")

    assert ids[1:] == [NO_VECTOR, NO_VECTOR]
    assert words.unknown() == []


def test_a_run_of_too_many_letters_is_no_token() -> None:
    """A longer word is neither known nor unknown."""
    words = vocabulary()

    ids = ids_of(words, "a" * (LETTERS.max_length + 1), "é" * LETTERS.max_length)

    assert ids == [NO_TOKEN, words.size]


def test_words_with_the_same_beginning_have_different_ids() -> None:
    """Words that agree in more bytes than a key has are different words."""
    words = vocabulary(["internationalisation", "internationalise", "internationali"])

    texts = ["internationalisation", "internationalise", "internationali", "internationalis"]
    first = ids_of(words, *texts)

    assert len(set(first)) == 4
    assert ids_of(words, *texts) == first


def test_cleared_words_get_new_ids() -> None:
    """After clearing, the ids of unknown words start at V again and known words keep theirs."""
    words = vocabulary()
    before = ids_of(words, "storm squall gust incomprehensibilities")

    words.clear_unknown()
    after = ids_of(words, "incomprehensibilities gust storm")

    assert sorted(after) == [before[0], words.size, words.size + 1]
    assert words.unknown(since=after[1] - words.size)[0] == "gust"


def test_more_words_than_the_cache_holds_keep_their_ids() -> None:
    """The cache is bounded; a word that it dropped is looked up again."""
    many = ["".join(chr(97 + int(digit)) for digit in str(n)) for n in range(100_000)]
    words = vocabulary(many)
    trie = marisa_trie.Trie(many)

    ids_of(words, " ".join(many))
    again = ids_of(words, " ".join(many))

    np.testing.assert_array_equal(again, [trie[word] for word in many])
