"""Text to tokens: the same definition in training and in serving.

A word is a maximal run of letters (`str.isalpha`) of the text after `str.lower`; there is no other
normalisation. A word of at most `MAX_TOKEN_LENGTH` characters is a token; longer ones are skipped. Time and
memory of every function are linear in the length of the text.

Training reads tokens as strings (`tokenize`). Serving makes no string for a word: `fold_all` replaces every
character of the texts that is no letter by a blank, and `find_words` returns where in those bytes the words are.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

# In characters. No natural word is longer; the n-grams of a run of a million letters would take seconds and half
# a gigabyte. It is written into every bundle's manifest, and serving reads the limit from there.
MAX_TOKEN_LENGTH = 64

_BLANK = ord(" ")
# All letters are in planes 0 to 3 of Unicode; the others are unassigned, private or special. A table of all 17
# planes would take 4 MB in every worker.
_LETTER_PLANES = 0x40000
# For ASCII, lower-casing and replacing what is no letter are one table look-up per byte.
_ASCII_FOLDED = bytes(ord(chr(c).lower()) if chr(c).isalpha() else _BLANK for c in range(128)).ljust(256)


def tokenize(text: str, max_length: int = MAX_TOKEN_LENGTH) -> list[str]:
    """Return the tokens of `text` in order, each at most `max_length` characters long."""
    return [token for token in fold(text).decode().split() if len(token) <= max_length]


def fold(text: str) -> bytes:
    """Return `text` in lower case, as UTF-8, with a blank in place of every character that is no letter."""
    if text.isascii():
        return text.encode("ascii").translate(_ASCII_FOLDED)
    # A lone surrogate cannot be decoded, but it is no letter: it has become a blank before `decode`.
    codes = np.frombuffer(text.lower().encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return _letters().take(codes, mode="clip").tobytes().decode("utf-32-le").encode()


def fold_all(texts: Sequence[str]) -> tuple[bytes, NDArray[np.int64]]:
    """Return n folded texts, joined with a blank after each, and the byte offset (n,) at which each begins."""
    joined = "\n".join(texts)
    if joined.isascii():
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1
        folded = fold(joined)
    else:
        parts = [fold(text) for text in texts]
        lengths = np.fromiter(map(len, parts), dtype=np.int64, count=len(texts)) + 1
        folded = b" ".join(parts)
    return folded + b" ", np.cumsum(lengths) - lengths


def find_words(folded: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the byte offsets (m,) of the m words of folded texts, and their lengths in bytes (m,)."""
    letters = np.frombuffer(b" " + folded, dtype=np.uint8) != _BLANK
    edges = np.flatnonzero(letters[1:] != letters[:-1])
    starts, ends = edges[::2], edges[1::2]
    return starts, ends - starts


@cache
def _letters() -> NDArray[np.uint32]:
    """Return a table (_LETTER_PLANES,): a code point that is a letter maps to itself, any other to a blank.

    The last entry is a blank, so that clipping an index beyond the table gives one too. The table takes 1 MB and
    a few milliseconds, once per process, at the first text that is not ASCII.
    """
    codes = np.arange(_LETTER_PLANES, dtype=np.uint32)
    return np.where(np.strings.isalpha(codes.view("<U1")), codes, np.uint32(_BLANK))
