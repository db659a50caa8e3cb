"""`letters`: a word is a maximal run of letters (`str.isalpha`) of the text after `str.lower`.

There is no other normalisation. Time and memory are linear in the length of the text.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from scoring.tokens.words import BLANK

# All letters are in planes 0 to 3 of Unicode; the others are unassigned, private or special. A table of all 17
# planes would take 4 MB in every worker.
_LETTER_PLANES = 0x40000
# For ASCII, lower-casing and replacing what is no letter are one table look-up per byte.
_ASCII_FOLDED = bytes(ord(chr(c).lower()) if chr(c).isalpha() else BLANK for c in range(128)).ljust(256)


def fold(text: str) -> bytes:
    """Return `text` in lower case, as UTF-8, with a blank in place of every character that is no letter."""
    if text.isascii():
        return text.encode("ascii").translate(_ASCII_FOLDED)
    # A lone surrogate cannot be decoded, but it is no letter: it has become a blank before `decode`.
    codes = np.frombuffer(text.lower().encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return _letters().take(codes, mode="clip").tobytes().decode("utf-32-le").encode()


@cache
def _letters() -> NDArray[np.uint32]:
    """Return a table (_LETTER_PLANES,): a code point that is a letter maps to itself, any other to a blank.

    The last entry is a blank, so that clipping an index beyond the table gives one too. The table takes 1 MB and
    a few milliseconds, once per process, at the first text that is not ASCII.
    """
    codes = np.arange(_LETTER_PLANES, dtype=np.uint32)
    return np.where(np.strings.isalpha(codes.view("<U1")), codes, np.uint32(BLANK))
