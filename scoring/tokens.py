"""Text to tokens: the same definition in training and in serving.

A token is a maximal run of letters (`str.isalpha`) of the text after `str.lower`, and nothing else is
normalised. A run longer than `MAX_TOKEN_LENGTH` characters is no token. Everything here is linear in the
length of the text.

Training reads tokens as strings. Serving never makes a string of a token: `fold_all` keeps the letters of
many texts and blanks out the rest, and `find_words` says where in those bytes the words are.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

# No natural word is longer; a run of a million letters would cost seconds and half a gigabyte in n-grams.
# It is written into every bundle's manifest, and what is there holds for that bundle.
MAX_TOKEN_LENGTH = 64

_BLANK = ord(" ")
# Planes 0 to 3 of Unicode have all letters; the others are unassigned, private or special. A table of all 17
# would take 4 MB of every worker.
_LETTER_PLANES = 0x40000
# For ASCII, lower-casing and blanking what is no letter are one table look-up per byte.
_ASCII_FOLDED = bytes(ord(chr(c).lower()) if chr(c).isalpha() else _BLANK for c in range(128)).ljust(256)


def tokenize(text: str, max_length: int = MAX_TOKEN_LENGTH) -> list[str]:
    """Return the tokens of `text` in order, each at most `max_length` characters long."""
    return [token for token in fold(text).decode().split() if len(token) <= max_length]


def fold(text: str) -> bytes:
    """Return `text` in lower case, as UTF-8, with a blank in place of every character that is no letter."""
    if text.isascii():
        return text.encode("ascii").translate(_ASCII_FOLDED)
    # A lone surrogate has no encoding, but it is no letter either: it is gone before the text is decoded.
    codes = np.frombuffer(text.lower().encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return _letters().take(codes, mode="clip").tobytes().decode("utf-32-le").encode()


def fold_all(texts: Sequence[str]) -> tuple[bytes, NDArray[np.int64]]:
    """Return n texts folded into one, a blank after each, and the offset (n,) at which each begins."""
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
    """Return where the m words of folded texts start (m,) and how many bytes each has (m,)."""
    letters = np.frombuffer(b" " + folded, dtype=np.uint8) != _BLANK
    edges = np.flatnonzero(letters[1:] != letters[:-1])
    starts, ends = edges[::2], edges[1::2]
    return starts, ends - starts


@cache
def _letters() -> NDArray[np.uint32]:
    """Return every code point that is a letter, at its own index, and blanks between; the last is a blank.

    Made once per process, in a few milliseconds, when the first text comes that is not ASCII: 1 MB.
    """
    codes = np.arange(_LETTER_PLANES, dtype=np.uint32)
    return np.where(np.strings.isalpha(codes.view("<U1")), codes, np.uint32(_BLANK))
