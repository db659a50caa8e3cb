"""`letters`: the definition, and the array functions that must find the same words."""

import string
import sys
import unicodedata
from itertools import groupby

import numpy as np
import pytest
from hypothesis import example, given

from scoring.tokens.characters import FORM, IGNORED, kinds_of
from scoring.tokens.segmenters import SegmenterName, is_installed, segment_by
from scoring.tokens.tokenizer import Tokenizer
from tests.scoring.tokens.texts import ANY, ASCII

# Spans of scripts without spaces stay whole, so that the definition can be written down.
WHOLE = Tokenizer("letters", segment=list)
MAX_LENGTH = WHOLE.max_length
KINDS: list[int] = kinds_of(np.arange(sys.maxunicode + 1, dtype=np.uint32)).tolist()
# How the names of letters of such scripts begin.
UNSPACED = tuple(
    f"{name} "
    for name in (
        *(
            "THAI",
            "LAO",
            "MYANMAR",
            "KHMER",
            "CJK",
            "HIRAGANA",
            "KATAKANA",
            "KATAKANA-HIRAGANA",
            "HENTAIGANA",
        ),
        *("IDEOGRAPHIC", "VERTICAL IDEOGRAPHIC", "VERTICAL KANA", "MASU"),
    )
)


def nfc(text: str) -> str:
    """Return the text in its composed form."""
    return unicodedata.normalize("NFC", text)


def is_unspaced(letter: str) -> bool:
    """Tell by its name whether a letter is of a script without spaces."""
    return unicodedata.name(letter, "").startswith(UNSPACED)


def kind_of(character: str) -> int:
    """Return what the tables say of a character."""
    return KINDS[ord(character)]


def spelled(character: str) -> str:
    """Return what stands in words for a character of a text."""
    if kind_of(character) == IGNORED:
        return ""
    spelled = unicodedata.normalize("NFKC", character) if kind_of(character) == FORM else character
    kept = (c for c in spelled if kind_of(c) != IGNORED)
    return "".join(c if unicodedata.category(c)[0] in "LM" else " " for c in kept)


def by_definition(text: str) -> list[str]:
    """Return the words by the definition, a character at a time."""
    lower = nfc(nfc("".join(map(spelled, text))).lower().replace("i\u0307", "i"))
    letters: list[str] = []
    for character in lower:
        if unicodedata.category(character)[0] != "M":
            letters.append(character)
        elif letters and letters[-1] != " ":
            letters[-1] += character
    spans = groupby(letters, lambda letter: "" if letter == " " else is_unspaced(letter[0]))
    words = ["".join(span) for kind, span in spans if kind != ""]
    return [word for word in words if len(word) <= MAX_LENGTH]


@given(ANY)
@example("İstanbul i\u0307 I\u0307 I\u0327\u0307")
@example("ΟΔΥΣΣΕΥΣ ΑΣ' Σ")
@example("हिन्दी مَدْرَسَة e\u0301 1\u0301a \u0301\u0301b a\u0e31b か\u3099a")
@example("\ufb01le \uff26\uff35 \uff76\uff9e \ufdfa \ufe70a a\u00adb a\u200bb a\u0640 \U0001d400\u0301")
def test_tokens_are_the_runs_of_letters_and_marks_of_the_lower_case_text(text: str) -> None:
    """Tokens follow the definition on arbitrary Unicode."""
    assert WHOLE.tokenize(text) == by_definition(text)


def test_every_letter_and_no_other_character_is_a_token() -> None:
    """All of Unicode, one character at a time: letters are tokens, in any plane."""
    text = " ".join(map(chr, (*range(0x40000), *range(0xE0000, 0xE1000))))

    assert WHOLE.tokenize(text) == by_definition(text)
    assert not any(chr(code).isalpha() for code in range(0x40000, sys.maxunicode + 1))


def test_what_is_dropped_within_a_word() -> None:
    """Every format character that shows nothing; the zero-width space separates, as in Unicode's word boundaries."""
    formats = [chr(code) for code in range(0xE0200) if unicodedata.category(chr(code)) == "Cf"]

    separate = {c for c in formats if Tokenizer().tokenize(f"a{c}b") != ["ab"]}

    # What is seen: signs that enclose numbers or words, and notes between lines; Egyptian signs that join others.
    seen = set("\u06dd\u070f\u0890\u0891\u08e2\ufff9\ufffa\ufffb\U000110bd\U000110cd")
    seen |= set(map(chr, (*range(0x600, 0x606), *range(0x13430, 0x13440))))
    assert separate == seen.intersection(formats) | {"\u200b"}


@given(ASCII)
@example(string.printable)
def test_the_ascii_path_equals_the_general_path(text: str) -> None:
    """An ASCII text has the same tokens when a character beyond ASCII is added, which is folded by other code."""
    assert [*Tokenizer().tokenize(text), "é"] == Tokenizer().tokenize(f"{text} é")


@pytest.mark.parametrize("name", ["icu", "bigrams"])
@given(ANY)
def test_equivalent_texts_have_the_same_tokens(name: SegmenterName, text: str) -> None:
    """Whether a letter and its mark are one code point or two makes no difference."""
    tokenizer = tokenizer_with(name)

    assert tokenizer.tokenize(nfc(text)) == tokenizer.tokenize(unicodedata.normalize("NFD", text))


@pytest.mark.parametrize("name", ["icu", "bigrams"])
@given(ANY)
def test_tokens_are_their_own_tokens(name: SegmenterName, text: str) -> None:
    """What is a token stays the same token, so that a vocabulary can be reached by its own words."""
    tokenizer = tokenizer_with(name)
    tokens = tokenizer.tokenize(text)

    assert tokenizer.tokenize(" ".join(tokens)) == tokens


def tokenizer_with(name: SegmenterName) -> Tokenizer:
    """Return `letters` with a segmenter."""
    if not is_installed(name):
        pytest.skip(f"{name} is not installed")
    return Tokenizer("letters", segment=segment_by(name))


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
