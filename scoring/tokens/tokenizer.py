"""A tokenizer by its name: the tokens of a text as strings, or those of many texts as bytes.

Training reads tokens as strings (`Tokenizer.tokenize`). Serving makes no string for a word: `Tokenizer.fold_all`
returns bytes in which blanks separate the words, and `words.find_words` where in those bytes the words are.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.tokens import fasttext_words, gensim_words, letters
from scoring.tokens.names import TokenizerName
from scoring.tokens.segmenters import Segment, best_segmenter, segment_by


class _Rule(NamedTuple):
    """Which of the words in a folded text are tokens; lengths are in characters."""

    min_length: int
    max_length: int
    forbidden_start: str | None = None


# A text that needs every table: a ligature, and letters that ICU segments by each of its kinds of dictionary.
_EVERY_TABLE = "\ufb01 \u5317\u4eac \u0e01\u0e02 \u0e81\u0e82 \u1780\u1781 \u1000\u1001"

# No natural word is longer than 64 letters. The official fastText has no limit; this one is of an embedded image.
# They are written into every bundle's manifest, and serving reads them from there.
_RULES: dict[TokenizerName, _Rule] = {
    "letters": _Rule(1, 64),
    "gensim": _Rule(gensim_words.MIN_LENGTH, gensim_words.MAX_LENGTH, gensim_words.UNDERSCORE),
    "fasttext": _Rule(1, 1 << 16),
}


class Tokenizer:
    """Splits texts into tokens of at most `max_length` characters; longer words are no tokens.

    Time and memory of every method are linear in the length of the text.
    """

    def __init__(
        self, name: TokenizerName = "letters", max_length: int | None = None, segment: Segment | None = None
    ) -> None:
        """Split as `name` says, without `max_length` at its own; `segment` is for `letters`, without it the best."""
        self._rule = _RULES[name]
        self._fold = _fold(name, segment)
        self.max_length = self._rule.max_length if max_length is None else max_length

    def load_tables(self) -> None:
        """Make and load, in up to 120 ms, what is needed from the first text beyond Latin-1 on."""
        self.tokenize(_EVERY_TABLE)

    def is_token(self, word: str) -> bool:
        """Return whether a word of a folded text is a token."""
        forbidden = self._rule.forbidden_start
        fits = self._rule.min_length <= len(word) <= self.max_length
        return fits and (forbidden is None or not word.startswith(forbidden))

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of `text` in order."""
        return self._tokens(self._fold(text))

    def tokenize_all(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the tokens of each of n ≥ 1 texts, quicker than one by one when they are short."""
        return list(map(self._tokens, self._fold_lines(texts)))

    def fold_all(self, texts: Sequence[str]) -> tuple[bytes, NDArray[np.int64]]:
        """Return n folded texts, a blank after each, and the byte offset (n,) at which each begins.

        Words that are no tokens are still there; the vocabulary leaves them out.
        """
        joined = "\n".join(texts)
        if joined.isascii():
            return _joined([self._fold(joined)], np.fromiter(map(len, texts), np.int64, len(texts)))
        parts = [self._fold(text) if text.isascii() else b"" for text in texts]
        others = [index for index, text in enumerate(texts) if not text.isascii()]
        for index, line in zip(others, self._fold_lines([texts[index] for index in others]), strict=True):
            parts[index] = line
        return _joined(parts, np.fromiter(map(len, parts), np.int64, len(parts)))

    def _tokens(self, folded: bytes) -> list[str]:
        return [token for word in folded.split() if self.is_token(token := word.decode())]

    def _fold_lines(self, texts: Sequence[str]) -> list[bytes]:
        # Together, since a call for each would cost more than its work.
        return self._fold("\n".join(text.replace("\n", " ") for text in texts)).split(b"\n")


def _fold(name: TokenizerName, segment: Segment | None) -> Callable[[str], bytes]:
    if name == "gensim":
        return gensim_words.fold
    if name == "fasttext":
        return fasttext_words.fold
    return partial(letters.fold, segment=segment or segment_by(best_segmenter()))


def join_tokens(documents: Sequence[Sequence[str]]) -> tuple[bytes, NDArray[np.int64]]:
    """Return n documents that are tokens already as `Tokenizer.fold_all` returns texts."""
    parts = [" ".join(tokens).encode() for tokens in documents]
    return _joined(parts, np.fromiter(map(len, parts), np.int64, len(parts)))


def _joined(parts: Sequence[bytes], lengths: NDArray[np.int64]) -> tuple[bytes, NDArray[np.int64]]:
    """Return the parts as one, with blanks in place of line feeds, and where texts of these lengths (n,) begin."""
    ends = np.cumsum(lengths + 1)
    return b" ".join(parts).replace(b"\n", b" ") + b" ", ends - lengths - 1
