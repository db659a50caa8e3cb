"""What a character is to a word of letters: a table of all code points, and classes of them for patterns.

    LETTER    general category L
    UNSPACED  a letter of a script that puts no spaces between words: Han, kana, Thai, Lao, Khmer, Burmese
    MARK      general category M: belongs to the letter before it
    IGNORED   has no meaning within a word: what Unicode calls default ignorable, such as the soft hyphen, the
              zero-width joiner and variation selectors, and the Arabic tatweel; not the zero-width space, which
              separates words
    FORM      another form of letters, which NFKC spells out: ligatures, full-width and half-width letters, Arabic
              presentation forms, mathematical letters
    SEPARATOR line feed: it separates texts
    OTHER     anything else: it separates words

NFKC for all characters would do harm: it makes `TM` of a trade mark sign and `2` of a superscript, and takes apart
letters of living orthographies, such as Thai `ำ` and Armenian `և`, which are in the vocabularies of models.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

# What is above MARK is a letter.
OTHER, SEPARATOR, IGNORED, FORM, MARK, LETTER, UNSPACED = range(7)

_Ranges = tuple[tuple[int, int], ...]
_UNSPACED: _Ranges = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese, and below its extensions
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),
    (0x3031, 0x30FF),  # kana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xA9E0, 0xA9FF),
    (0xAA60, 0xAA7F),
    (0xF900, 0xFAFF),
    (0x1AFF0, 0x1B16F),
    (0x20000, 0x3FFFF),
)
# Default_Ignorable_Code_Point of Unicode 17, less U+200B, and tatweel.
_IGNORED: _Ranges = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x0640, 0x0640),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200C, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_FORMS: _Ranges = (
    (0x2100, 0x214F),
    (0xFB00, 0xFDFF),
    (0xFE70, 0xFEFF),
    (0xFF00, 0xFFEF),
    (0x1D400, 0x1D7FF),
    (0x1EE00, 0x1EEFF),
)
# All letters are in planes 0 to 3, all marks that are not ignored in planes 0 and 1. One entry beyond the last range.
_LETTERS_END, _MARKS_END, _END = 0x40000, 0x20000, 0xE1001


def code_points(text: str) -> NDArray[np.uint32]:
    """Return the code points (c,) of a text; a lone surrogate is one, too."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def text_of(codes: NDArray[np.uint32]) -> str:
    """Return the text of code points (c,)."""
    return codes.tobytes().decode("utf-32-le", "surrogatepass")


def kinds_of(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return the kinds (c,) of code points (c,)."""
    return _kinds().take(codes, mode="clip")


@cache
def spelled_out() -> dict[int, str]:
    """Return for every letter that is FORM the letters it stands for."""
    forms = ((code, chr(code)) for code in _codes(_FORMS))
    return {
        code: unicodedata.normalize("NFKC", letter)
        for code, letter in forms
        if letter.isalpha() and unicodedata.decomposition(letter).startswith("<")
    }


def pattern_class(*kinds: int) -> str:
    """Return the characters of these kinds for a regular expression, to stand in brackets."""
    edges = np.flatnonzero(np.diff(np.isin(_kinds(), kinds), prepend=False))
    starts, ends = edges[::2].tolist(), edges[1::2].tolist()
    return "".join(f"\\U{start:08x}-\\U{end - 1:08x}" for start, end in zip(starts, ends, strict=True))


@cache
def _kinds() -> NDArray[np.uint8]:
    """Return a table (_END,) of the kinds of code points.

    The last entry is OTHER, so that clipping an index beyond the table gives that too. It takes 20 ms, once per
    process, and 260 KB: pages of zeros that are never read take none.
    """
    kinds = np.zeros(_END, dtype=np.uint8)
    letters = np.strings.isalpha(np.arange(_LETTERS_END, dtype=np.uint32).view("<U1"))
    kinds[:_LETTERS_END][letters] = LETTER
    for start, last in _UNSPACED:
        part = kinds[start : last + 1]
        part[part == LETTER] = UNSPACED
    kinds[[code for code in range(_MARKS_END) if unicodedata.category(chr(code)).startswith("M")]] = MARK
    kinds[list(spelled_out())] = FORM
    for start, last in _IGNORED:
        kinds[start : last + 1] = IGNORED
    kinds[ord("\n")] = SEPARATOR
    return kinds


def _codes(ranges: _Ranges) -> Iterable[int]:
    return (code for start, last in ranges for code in range(start, last + 1))
