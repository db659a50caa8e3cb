"""`letters`: the definition, and the array functions that must find the same words."""

import string
import sys
import unicodedata

import pytest
from hypothesis import example, given

from scoring.tokens.tokenizer import Tokenizer
from tests.scoring.tokens.texts import ANY, ASCII

MAX_LENGTH = Tokenizer().max_length


def nfc(text: str) -> str:
    """Return the text in its composed form."""
    return unicodedata.normalize("NFC", text)


def by_definition(text: str) -> list[str]:
    """Return the words by the definition, a character at a time."""
    words = [""]
    for character in nfc(nfc(text).lower()):
        category = unicodedata.category(character)[0]
        if category == "L" or (category == "M" and words[-1]):
            words[-1] += character
        elif words[-1]:
            words.append("")
    return [word for word in words if 0 < len(word) <= MAX_LENGTH]


@given(ANY)
@example("İstanbul")
@example("ΟΔΥΣΣΕΥΣ ΑΣ' Σ")
@example("हिन्दी مَدْرَسَة e\u0301 1\u0301a \u0301\u0301b")
def test_tokens_are_the_runs_of_letters_and_marks_of_the_lower_case_text(text: str) -> None:
    """Tokens follow the definition on arbitrary Unicode."""
    assert Tokenizer().tokenize(text) == by_definition(text)


def test_every_letter_and_no_other_character_is_a_token() -> None:
    """All of Unicode, one character at a time: letters are tokens, in any plane."""
    text = " ".join(map(chr, range(sys.maxunicode + 1)))

    assert Tokenizer().tokenize(text) == by_definition(text)


@given(ASCII)
@example(string.printable)
def test_the_ascii_path_equals_the_general_path(text: str) -> None:
    """An ASCII text has the same tokens when a character beyond ASCII is added, which is folded by other code."""
    assert [*Tokenizer().tokenize(text), "é"] == Tokenizer().tokenize(f"{text} é")


@given(ANY)
def test_equivalent_texts_have_the_same_tokens(text: str) -> None:
    """Whether a letter and its mark are one code point or two makes no difference."""
    assert Tokenizer().tokenize(nfc(text)) == Tokenizer().tokenize(unicodedata.normalize("NFD", text))


@given(ANY)
def test_tokens_are_their_own_tokens(text: str) -> None:
    """What is a token stays the same token, so that a vocabulary can be reached by its own words."""
    tokens = Tokenizer().tokenize(text)

    assert Tokenizer().tokenize(" ".join(tokens)) == tokens


@pytest.mark.parametrize("letter", ["a", "é", "𐐀"])
def test_a_run_longer_than_the_cap_is_no_token(letter: str) -> None:
    """The cap counts characters: 64 letters are a token, 65 none, however many bytes they take."""
    longest = letter.lower() * MAX_LENGTH

    assert Tokenizer().tokenize(f"{longest} {longest}{letter} end") == [longest, "end"]


@pytest.mark.parametrize("marks", ["\u0301", "\u0323\u0301", "\u0f73", "\u0344"])
def test_a_letter_with_endless_marks_is_no_token(marks: str) -> None:
    """Sorting them would take hours; in either form the word is too long."""
    assert Tokenizer().tokenize(f"storm e{marks * 500_000} harbour") == ["storm", "harbour"]


@pytest.mark.parametrize(
    "text", ["", "1234 5678", "٣٤٥ ½ ² Ⅷ", "\x00\n\t", "a" * 1_000_000, "😀\ud83d\u0301"]
)
def test_a_text_without_letters_has_no_tokens(text: str) -> None:
    """Digits, numerals, marks and one endless run of letters are no tokens."""
    assert Tokenizer().tokenize(text) == []
