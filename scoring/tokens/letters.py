"""`letters`: a word is a maximal run of letters with their combining marks, in lower case and in NFC.

A letter has the general category L, a mark M; a mark that follows no letter belongs to no word. Time and memory are
linear in the length of the text.
"""

import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

from scoring.tokens.words import BLANK

# For ASCII, lower-casing and replacing what is no letter are one table look-up per byte.
_ASCII_FOLDED = bytes(ord(chr(c).lower()) if chr(c).isalpha() else BLANK for c in range(128)).ljust(256)

_OTHER, _LETTER, _MARK = 0, 1, 2
# All letters and marks are in planes 0 to 3 of Unicode, but for variation selectors in plane 14, which are left out;
# all marks among them are in planes 0 and 1. A table of all 17 planes would take 1 MB in every worker.
_LETTER_PLANES, _MARK_PLANES = 0x40000, 0x20000
# Sorting the marks of a letter, as NFC does, takes time that grows with the square of their number. A word with so
# many marks is longer than any token, whichever of them are left out.
_MAX_MARKS = 128


def fold(text: str) -> bytes:
    """Return the words of `text` in lower case and NFC, as UTF-8, with blanks in place of all else."""
    if text.isascii():
        return text.encode("ascii").translate(_ASCII_FOLDED)
    lower = unicodedata.normalize("NFC", unicodedata.normalize("NFC", _bounded(text)).lower())
    codes = _codes(lower)
    kinds = _kinds_of(codes)
    inside = kinds != _OTHER
    marks = kinds == _MARK
    if marks.any():
        inside &= ~marks | (kinds[_last_without(marks)] == _LETTER)
    return np.where(inside, codes, np.uint32(BLANK)).tobytes().decode("utf-32-le").encode()


def _bounded(text: str) -> str:
    """Return `text` without the marks that follow `_MAX_MARKS` others."""
    codes = _codes(text)
    marks = _kinds_of(codes) == _MARK
    if np.count_nonzero(marks) <= _MAX_MARKS:
        return text
    excessive = np.arange(len(codes)) - _last_without(marks) > _MAX_MARKS
    if not excessive.any():
        return text
    return codes[~excessive].tobytes().decode("utf-32-le", "surrogatepass")


def _last_without(marks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each position the last one at or before it that is no mark; 0 where there is none."""
    return np.maximum.accumulate(np.where(marks, 0, np.arange(len(marks))))


def _codes(text: str) -> NDArray[np.uint32]:
    """Return the code points of `text`; a lone surrogate is one too, and no letter."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _kinds_of(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    return _kinds().take(codes, mode="clip")


@cache
def _kinds() -> NDArray[np.uint8]:
    """Return a table (_LETTER_PLANES,) of the kinds of code points.

    The last entry is `_OTHER`, so that clipping an index beyond the table gives that too. The table takes 256 KB and
    20 ms, once per process, at the first text that is not ASCII.
    """
    codes = np.arange(_LETTER_PLANES, dtype=np.uint32)
    kinds = np.where(np.strings.isalpha(codes.view("<U1")), np.uint8(_LETTER), np.uint8(_OTHER))
    marks = [code for code in range(_MARK_PLANES) if unicodedata.category(chr(code))[0] == "M"]
    kinds[marks] = _MARK
    return kinds
