"""Where the words are in tokenised texts: bytes in which blanks separate words and stand for nothing else."""

import numpy as np
from numpy.typing import NDArray

BLANK = ord(" ")
# Separates texts until it is known where each begins; then a blank takes its place.
LINE_FEED = ord("\n")


def find_words(folded: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the byte offsets (m,) of the m words of folded texts, and their lengths in bytes (m,)."""
    letters = np.frombuffer(b" " + folded, dtype=np.uint8) != BLANK
    edges = np.flatnonzero(letters[1:] != letters[:-1])
    starts, ends = edges[::2], edges[1::2]
    return starts, ends - starts
