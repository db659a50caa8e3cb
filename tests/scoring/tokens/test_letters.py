"""Tokens: the definition, and the array functions that must find the same ones."""

import string
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scoring.tokens.letters import fold
from scoring.tokens.tokenizer import MAX_TOKEN_LENGTH, Tokenizer
from scoring.tokens.words import find_words

ASCII = st.text(st.characters(max_codepoint=127))
# Any code point, and more of those that lower-case strangely, join letters, or lie beyond 16 bits.
ODD = "İıßẞΣσςǅ\u0307\u0301\u00ad\u200d\x00\n\u3000²½Ⅷª中𐐀\U0001d400😀\ud800\udfff"
ANY = st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=[])))


def by_definition(text: str) -> list[str]:
    """Return the tokens by the definition, a character at a time."""
    blanked = "".join(c if c.isalpha() else " " for c in text.lower())
    return [run for run in blanked.split() if len(run) <= MAX_TOKEN_LENGTH]


@given(ANY)
@example("İstanbul")
@example("ΟΔΥΣΣΕΥΣ ΑΣ' Σ")
def test_tokens_are_the_runs_of_letters_of_the_lower_case_text(text: str) -> None:
    """Tokens follow the definition on arbitrary Unicode."""
    assert Tokenizer().tokenize(text) == by_definition(text)


def test_every_letter_and_no_other_character_is_a_token() -> None:
    """All of Unicode, one character at a time: letters are tokens, in any plane."""
    text = " ".join(map(chr, range(sys.maxunicode + 1)))

    assert Tokenizer().tokenize(text) == [c for c in text.lower() if c.isalpha()]


@given(ASCII)
@example(string.printable)
def test_the_ascii_path_equals_the_general_path(text: str) -> None:
    """An ASCII text has the same tokens when a character beyond ASCII is added, which is folded by other code."""
    assert [*Tokenizer().tokenize(text), "é"] == Tokenizer().tokenize(f"{text} é")


@given(ANY)
def test_a_folded_text_keeps_letters_and_blanks_only(text: str) -> None:
    """Folding leaves lower-case letters and blanks, and nothing that is not UTF-8."""
    assert all(c == " " or c.isalpha() for c in fold(text).decode())


@given(st.lists(ANY))
def test_texts_folded_together_have_the_words_of_each(texts: list[str]) -> None:
    """The words found in many texts folded into one are those of each text, and fall between its offsets."""
    folded, offsets = Tokenizer().fold_all(texts)

    starts, lengths = find_words(folded)

    found: list[list[str]] = [[] for _ in texts]
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        document = int((offsets <= start).sum()) - 1
        found[document].append(folded[start : start + length].decode())
    assert found == [fold(text).decode().split() for text in texts]


@pytest.mark.parametrize("letter", ["a", "é", "𐐀"])
def test_a_run_longer_than_the_cap_is_no_token(letter: str) -> None:
    """The cap counts characters: 64 letters are a token, 65 none, however many bytes they take."""
    longest = letter.lower() * MAX_TOKEN_LENGTH

    assert Tokenizer().tokenize(f"{longest} {longest}{letter} end") == [longest, "end"]


@pytest.mark.parametrize("text", ["", "1234 5678", "٣٤٥ ½ ² Ⅷ", "\x00\n\t", "a" * 1_000_000, "😀\ud83d"])
def test_a_text_without_letters_has_no_tokens(text: str) -> None:
    """Digits, numerals, marks and one endless run of letters are no tokens."""
    assert Tokenizer().tokenize(text) == []
