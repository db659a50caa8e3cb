"""Words in scripts that put no spaces between them, by dictionary (`icu`) or as pairs of letters (`bigrams`).

icu      the word boundaries of Unicode UAX 29 with ICU's dictionaries of Chinese, Japanese, Thai, Lao, Khmer and
         Burmese: 200 ns a character. It needs the package icu4py, 43 MB on disk, 7 MB in memory, which workers share.
bigrams  every pair of adjacent letters, each with its marks; a single letter for itself. It needs nothing and knows no
         language; twice as many words, which say less each.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from re import Pattern
from re import compile as compile_pattern
from typing import Literal

from scoring.tokens.characters import LETTER, MARK, UNSPACED, pattern_class

SegmenterName = Literal["icu", "bigrams"]
# Texts (s,) without blanks to texts (s,) in which blanks separate words.
Segment = Callable[[Sequence[str]], Sequence[str]]

_PACKAGES: dict[SegmenterName, str] = {"icu": "icu4py"}


def best_segmenter() -> SegmenterName:
    """Return `icu` where its package is installed, else `bigrams`; nothing is loaded."""
    return "icu" if is_installed("icu") else "bigrams"


def is_installed(name: SegmenterName) -> bool:
    """Return whether a segmenter can be used; nothing is loaded."""
    return all(find_spec(package) is not None for package in package_of(name))


def package_of(name: SegmenterName | None) -> Sequence[str]:
    """Return the name of the package that a segmenter needs, or nothing."""
    return [_PACKAGES[name]] if name in _PACKAGES else []


def segment_by(name: SegmenterName) -> Segment:
    """Return the function of a segmenter, which loads the package at its first text."""
    return _icu if name == "icu" else _bigrams


def _icu(spans: Sequence[str]) -> Sequence[str]:
    # Not at the top: most texts need none of its 43 MB.
    from icu4py.breakers import WordBreaker  # noqa: PLC0415

    # A line feed is a word of its own, and no word reaches over it. Without a language: the dictionaries are the same.
    return " ".join(WordBreaker("\n".join(spans), "root")).split("\n")


def _bigrams(spans: Sequence[str]) -> Sequence[str]:
    return [" ".join(_pairs(_letter_with_marks().findall(span))) for span in spans]


def _pairs(letters: Sequence[str]) -> Iterator[str]:
    if len(letters) == 1:
        yield letters[0]
    for first, second in pairwise(letters):
        yield first + second


@cache
def _letter_with_marks() -> Pattern[str]:
    return compile_pattern(f"[{pattern_class(LETTER, UNSPACED)}][{pattern_class(MARK)}]*")
