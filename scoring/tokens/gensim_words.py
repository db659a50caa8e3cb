"""`gensim`: the words of `gensim.utils.simple_preprocess` with its defaults.

A word is a maximal run of what `re` calls word characters, less decimal digits: letters, numerals such as `½`, and the
underscore. The text is lower-cased before. Words of one character, of more than 15, and words that begin with an
underscore are no tokens. Combining marks are no word characters: gensim's texts lose them, and so do these.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from scoring.tokens.words import BLANK

MIN_LENGTH, MAX_LENGTH = 2, 15
#: A word that begins with it is no token.
UNDERSCORE = "_"

# All letters and numerals are in planes 0 to 3 of Unicode. A table of all 17 planes would take 4 MB in every worker.
_PLANES = 0x40000
_ASCII_FOLDED = bytes(
    ord(chr(c).lower()) if chr(c).isalpha() or chr(c) == UNDERSCORE else BLANK for c in range(128)
).ljust(256)


def fold(text: str) -> bytes:
    """Return `text` in lower case, as UTF-8, with a blank in place of every character that is in no word."""
    if text.isascii():
        return text.encode("ascii").translate(_ASCII_FOLDED)
    codes = np.frombuffer(text.lower().encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return _word_characters().take(codes, mode="clip").tobytes().decode("utf-32-le").encode()


@cache
def _word_characters() -> NDArray[np.uint32]:
    """Return a table (_PLANES,): a code point of a word maps to itself, any other to a blank.

    The last entry is a blank, so that clipping an index beyond the table gives one too. 1 MB and 10 ms, once.
    """
    codes = np.arange(_PLANES, dtype=np.uint32)
    characters = codes.view("<U1")
    inside = np.strings.isalnum(characters) & ~np.strings.isdecimal(characters) | (codes == ord(UNDERSCORE))
    return np.where(inside, codes, np.uint32(BLANK))
