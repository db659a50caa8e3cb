"""Words in twenty scripts, as each tokenizer finds them."""

import re
from pathlib import Path

import pytest
from gensim.utils import simple_preprocess

from scoring.tokens.segmenters import segment_by
from scoring.tokens.tokenizer import Tokenizer
from tests.support.scripts import ROWS, Row

DOCUMENTATION = (Path(__file__).parents[3] / "docs/languages.md").read_text(encoding="utf-8")
HIDDEN = re.compile("[\u00ad\u200b\u200c\ufeff]")
ROW = pytest.mark.parametrize("row", ROWS, ids=[row.script for row in ROWS])


@ROW
def test_letters(row: Row) -> None:
    """Words with their marks in every script, those without spaces too."""
    pytest.importorskip("icu4py")

    assert Tokenizer("letters", segment=segment_by("icu")).tokenize(row.text) == row.letters.split(" ")


@ROW
def test_gensim(row: Row) -> None:
    """Combining marks separate words, as in gensim."""
    assert Tokenizer("gensim").tokenize(row.text) == row.gensim.split() == simple_preprocess(row.text)


@ROW
def test_fasttext(row: Row) -> None:
    """Only white space of ASCII separates words, as in fastText."""
    assert Tokenizer("fasttext").tokenize(row.text) == row.fasttext.split(" ")


@ROW
def test_the_documentation_shows_them(row: Row) -> None:
    """The table in docs/languages.md has the text and the words of each tokenizer."""
    cells = [
        row.text,
        *(words.replace(" ", " · ") or "–" for words in (row.letters, row.gensim, row.fasttext)),
    ]
    line = "".join(f" {cell} |" for cell in (row.script, *cells))

    assert f"|{HIDDEN.sub(named, line)}\n" in DOCUMENTATION


def named(hidden: re.Match[str]) -> str:
    """Return the name of a character that would not be seen."""
    return f"⟨U+{ord(hidden[0]):04X}⟩"


def test_pairs_of_letters_without_a_dictionary() -> None:
    """Each letter keeps its marks; a letter alone is a word; other scripts are as with a dictionary."""
    tokenizer = Tokenizer("letters", segment=segment_by("bigrams"))

    words = ["日本", "本語", "語の", "iphone", "機", "น้ำ", "ำท่", "ท่ว", "วม"]
    assert tokenizer.tokenize("日本語の iPhone機 น้ำท่วม") == words
