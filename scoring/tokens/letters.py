"""`letters`: a word is a maximal run of letters with their combining marks, in lower case and in NFC.

    text ─ forms spelled out, ignored characters dropped, others blanked ─ NFC ─ lower case ─ NFC ─ segmented → words

Letters that are written without spaces are segmented (`segmenters`); elsewhere words are told by what is between them.
Lower case is Python's, the standard's without a language, in one point as Turkish has it: `İ` becomes `i`, without the
dot that would be left above it; `ß` stays. What is dropped, spelled out, or separates is said in `characters`. The
words of a word are the word itself. Time and memory are linear in the length of the text.
"""

import unicodedata
from functools import cache
from re import Pattern
from re import compile as compile_pattern

import numpy as np
from numpy.typing import NDArray

from scoring.tokens.characters import (
    FORM,
    IGNORED,
    MARK,
    OTHER,
    UNSPACED,
    code_points,
    kinds_of,
    pattern_class,
    spelled_out,
    text_of,
)
from scoring.tokens.segmenters import Segment
from scoring.tokens.words import BLANK, LINE_FEED

# For Latin-1, which has no marks, all is one table look-up per byte.
_LATIN_FOLDED = bytes(
    ord(chr(c).lower()) if chr(c).isalpha() or c == LINE_FEED else BLANK for c in range(256)
)
_SOFT_HYPHEN = b"\xad"
# What printed texts in Latin-1 have beside it: dashes, quotes, bullet, ellipsis, euro and trade mark signs.
_PUNCTUATION = "\u2013\u2014\u2018\u2019\u201a\u201c\u201d\u201e\u2022\u2026\u20ac\u2122"
# Sorting the marks of a letter, as NFC does, takes time that grows with the square of their number. A word with so
# many marks is longer than any token, whichever of them are left out.
_MAX_MARKS = 128
# The lower case of `İ` is `i` with a dot above.
_DOTTED = "i\u0307"


def fold(text: str, segment: Segment) -> bytes:
    """Return the words of `text` in lower case and NFC, as UTF-8; line feeds stay, and all else is blanks."""
    if text.isascii():
        return text.encode("ascii").translate(_LATIN_FOLDED)
    for sign in _PUNCTUATION:
        text = text.replace(sign, " ")
    try:
        latin = text.encode("latin-1")
    except UnicodeEncodeError:
        return _fold_any(text, segment).encode()
    return latin.translate(_LATIN_FOLDED, _SOFT_HYPHEN).decode("latin-1").encode()


def _fold_any(text: str, segment: Segment) -> str:
    codes, kinds = _spelled(text)
    if _has(kinds, MARK):
        codes, kinds = _with_own_marks(codes, kinds)
    cleaned = text_of(np.where(kinds == OTHER, np.uint32(BLANK), codes))
    words = _nfc(_nfc(cleaned).lower().replace(_DOTTED, "i"))
    return _segmented(words, segment) if _has(kinds, UNSPACED) else words


def _spelled(text: str) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Return the code points (c,) of a text and their kinds (c,): none is FORM or IGNORED."""
    codes = code_points(text)
    kinds = kinds_of(codes)
    if _has(kinds, FORM):
        codes = code_points(text.translate(spelled_out()))
        kinds = kinds_of(codes)
    if _has(kinds, IGNORED):
        kept = kinds != IGNORED
        codes, kinds = codes[kept], kinds[kept]
    return codes, kinds


def _with_own_marks(
    codes: NDArray[np.uint32], kinds: NDArray[np.uint8]
) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Return them without marks that follow no letter, which become blanks, and those beyond `_MAX_MARKS`."""
    marks = kinds == MARK
    before = np.maximum.accumulate(np.where(marks, 0, np.arange(len(marks))))
    kinds = np.where(marks & (kinds[before] <= MARK), np.uint8(OTHER), kinds)
    few = np.arange(len(marks)) - before <= _MAX_MARKS
    return (codes, kinds) if few.all() else (codes[few], kinds[few])


def _has(kinds: NDArray[np.uint8], kind: int) -> bool:
    # A tenth of the time of `kind in kinds`.
    return kind in kinds.tobytes()


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _segmented(words: str, segment: Segment) -> str:
    """Return the words with those that are written without spaces segmented, and apart from others."""
    spans = iter(segment(_unspaced().findall(words)))
    return _unspaced().sub(lambda _: f" {next(spans)} ", words)


@cache
def _unspaced() -> Pattern[str]:
    return compile_pattern(f"[{pattern_class(UNSPACED)}][{pattern_class(UNSPACED, MARK)}]*")
