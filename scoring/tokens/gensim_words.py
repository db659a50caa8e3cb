"""`gensim`: the words of `gensim.utils.simple_preprocess` with its defaults.

A word is a maximal run of what `re` calls word characters, less decimal digits: letters, numerals such as `½`, and the
underscore. The text is lower-cased before. Words of one character, of more than 15, and words that begin with an
underscore are no tokens. Combining marks are no word characters: gensim's texts lose them, and so do these.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from scoring.tokens.words import BLANK, LINE_FEED

MIN_LENGTH, MAX_LENGTH = 2, 15
#: A word that begins with it is no token.
UNDERSCORE = "_"

# All letters and numerals are in planes 0 to 3 of Unicode. A table of all 17 planes would take 4 MB in every worker.
_PLANES = 0x40000
_ASCII_FOLDED = bytes(
    ord(chr(c).lower()) if chr(c).isalpha() or c in {ord(UNDERSCORE), LINE_FEED} else BLANK
    for c in range(128)
).ljust(256)


def fold(text: str) -> bytes:
    """Return `text` in lower case, as UTF-8; line feeds stay, and blanks are in place of all that is in no word."""
    if text.isascii():
        return text.encode("ascii").translate(_ASCII_FOLDED)
    codes = np.frombuffer(text.lower().encode("utf-32-le", "surrogatepass"), dtype="<u4")
    kept = _kept().take(codes, mode="clip")
    return np.where(kept, codes, np.uint32(BLANK)).tobytes().decode("utf-32-le").encode()


@cache
def _kept() -> NDArray[np.bool_]:
    """Return a table (_PLANES,): whether a code point is in words or a line feed.

    The last entry is false, so that clipping an index beyond the table gives that too. 256 KB and 10 ms, once.
    """
    codes = np.arange(_PLANES, dtype=np.uint32)
    characters = codes.view("<U1")
    kept = np.strings.isalnum(characters) & ~np.strings.isdecimal(characters)
    kept[[ord(UNDERSCORE), LINE_FEED]] = True
    return kept
