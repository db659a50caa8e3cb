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
from scoring.tokens.words import BLANK

# For ASCII, lower-casing and replacing what is no letter are one table look-up per byte.
_ASCII_FOLDED = bytes(ord(chr(c).lower()) if chr(c).isalpha() else BLANK for c in range(128)).ljust(256)

# Sorting the marks of a letter, as NFC does, takes time that grows with the square of their number. A word with so
# many marks is longer than any token, whichever of them are left out.
_MAX_MARKS = 128
# The lower case of `İ` is `i` with a dot above.
_DOTTED = "i\u0307"


def fold(text: str, segment: Segment) -> bytes:
    """Return the words of `text` in lower case and NFC, as UTF-8, with blanks in place of all else."""
    if text.isascii():
        return text.encode("ascii").translate(_ASCII_FOLDED)
    lower = _nfc(_nfc(_cleaned(text)).lower().replace(_DOTTED, "i"))
    codes = code_points(lower)
    kinds = kinds_of(codes)
    words = _without_stray_marks(codes, kinds)
    if (kinds == UNSPACED).any():
        segmented = code_points(_segmented(words, segment))
        words = _without_stray_marks(segmented, kinds_of(segmented))
    return words.encode()


def _cleaned(text: str) -> str:
    """Return letters, marks and blanks of a text; no letter has more than `_MAX_MARKS` marks."""
    codes = code_points(text)
    kinds = kinds_of(codes)
    if (kinds == FORM).any():
        codes = code_points(text.translate(spelled_out()))
        kinds = kinds_of(codes)
    kept = kinds != IGNORED
    if not kept.all():
        codes, kinds = codes[kept], kinds[kept]
    marks = kinds == MARK
    if np.count_nonzero(marks) > _MAX_MARKS:
        few = np.arange(len(codes)) - _last_without(marks) <= _MAX_MARKS
        codes, kinds = codes[few], kinds[few]
    return text_of(np.where(kinds == OTHER, np.uint32(BLANK), codes))


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _without_stray_marks(codes: NDArray[np.uint32], kinds: NDArray[np.uint8]) -> str:
    """Return the text of letters, marks and blanks, with a blank in place of each mark that follows no letter."""
    marks = kinds == MARK
    if marks.any():
        stray = marks & np.isin(kinds[_last_without(marks)], (OTHER, MARK))
        codes = np.where(stray, np.uint32(BLANK), codes)
    return text_of(codes)


def _last_without(marks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each position the last one at or before it that is no mark; 0 where there is none."""
    return np.maximum.accumulate(np.where(marks, 0, np.arange(len(marks))))


def _segmented(words: str, segment: Segment) -> str:
    spans = iter(segment(_unspaced().findall(words)))
    return _unspaced().sub(lambda _: f" {next(spans)} ", words)


@cache
def _unspaced() -> Pattern[str]:
    return compile_pattern(f"[{pattern_class(UNSPACED)}][{pattern_class(UNSPACED, MARK)}]*")
