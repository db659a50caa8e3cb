"""A tokenizer by its name: the tokens of a text as strings, or those of many texts as bytes.

Training reads tokens as strings (`Tokenizer.tokenize`). Serving makes no string for a word: `Tokenizer.fold_all`
returns bytes in which blanks separate the words, and `words.find_words` where in those bytes the words are.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scoring.tokens import letters

TokenizerName = Literal["letters"]

# In characters. No natural word is longer; the n-grams of a run of a million letters would take seconds and half
# a gigabyte. It is written into every bundle's manifest, and serving reads the limit from there.
MAX_TOKEN_LENGTH = 64


class Tokenizer:
    """Splits texts into tokens of at most `max_length` characters; longer words are no tokens.

    Time and memory of every method are linear in the length of the text.
    """

    def __init__(self, name: TokenizerName = "letters", max_length: int = MAX_TOKEN_LENGTH) -> None:
        self.name = name
        self.max_length = max_length

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of `text` in order."""
        return [token for token in letters.fold(text).decode().split() if len(token) <= self.max_length]

    def fold_all(self, texts: Sequence[str]) -> tuple[bytes, NDArray[np.int64]]:
        """Return n folded texts, a blank after each, and the byte offset (n,) at which each begins.

        Words that are too long to be tokens are still there; the vocabulary leaves them out.
        """
        joined = "\n".join(texts)
        if joined.isascii():
            lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1
            folded = letters.fold(joined)
        else:
            parts = [letters.fold(text) for text in texts]
            lengths = np.fromiter(map(len, parts), dtype=np.int64, count=len(texts)) + 1
            folded = b" ".join(parts)
        return folded + b" ", np.cumsum(lengths) - lengths


def join_tokens(documents: Sequence[Sequence[str]]) -> tuple[bytes, NDArray[np.int64]]:
    """Return n documents that are tokens already as `Tokenizer.fold_all` returns texts."""
    parts = [" ".join(tokens).encode() for tokens in documents]
    lengths = np.fromiter(map(len, parts), dtype=np.int64, count=len(parts)) + 1
    return b" ".join(parts) + b" ", np.cumsum(lengths) - lengths
