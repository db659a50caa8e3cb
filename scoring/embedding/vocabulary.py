"""Words to numbers: the memory-mapped vocabulary behind the cache of hot words.

Known words have the numbers of their rows, 0 to V - 1. Unknown words that the model can make a vector of from
their n-grams are numbered from V on, as they are looked up, until they are forgotten.
"""

from itertools import islice

import marisa_trie
import numpy as np
from numpy.typing import NDArray

from scoring.embedding.word_cache import KEY_BYTES, WordCache, word_keys

# In place of a number: an unknown word of a model without n-grams, and a run of letters too long to be a
# token.
NO_VECTOR = -1
NO_TOKEN = -2
# Words that are made strings of and looked up at a time: all words of a block would take megabytes.
_AT_A_TIME = 1_000


class Vocabulary:
    """Numbers words. Not for several threads; the unknown words grow until they are forgotten."""

    def __init__(self, trie: marisa_trie.Trie, max_length: int, *, ngrams: bool) -> None:
        """Tokens have at most `max_length` characters; `ngrams` says whether unknown words are numbered."""
        self.size = len(trie)
        self._trie = trie
        self._max_length = max_length
        self._ngrams = ngrams
        self._hot = WordCache()
        self._unknown: dict[str, int] = {}

    def unknown(self, *, since: int = 0) -> list[str]:
        """Return the unknown words with the numbers `size + since` and above, in that order."""
        return list(islice(self._unknown, since, None))

    def numbers(
        self, folded: bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> NDArray[np.int32]:
        """Return the numbers (m,) of the words at `starts` in `folded` that have `lengths` bytes."""
        keys = word_keys(folded, starts, lengths)
        numbers, missing = self._hot.find(keys)
        long = np.flatnonzero(lengths > KEY_BYTES)
        if len(long):
            numbers[long] = self._look_up_all(folded, starts[long], lengths[long])
            missing = np.setdiff1d(missing, long, assume_unique=True)
        while len(missing):
            some, rest = missing[:_AT_A_TIME], missing[_AT_A_TIME:]
            numbers[some] = self._look_up_all(folded, starts[some], lengths[some])
            self._hot.store(keys[some], numbers[some])
            # Most of the rest are the same words again.
            numbers[rest], still_missing = self._hot.find(keys[rest])
            missing = rest[still_missing]
        return numbers

    def forget_unknown(self) -> None:
        """Take the numbers of all unknown words back."""
        self._unknown.clear()
        self._hot.forget(self.size)

    def _look_up_all(
        self, folded: bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> NDArray[np.int32]:
        spans = zip(starts.tolist(), (starts + lengths).tolist(), strict=True)
        words = [folded[start:end] for start, end in spans]
        numbers = {word: self._look_up(word.decode()) for word in dict.fromkeys(words)}
        return np.fromiter(map(numbers.__getitem__, words), dtype=np.int32, count=len(words))

    def _look_up(self, word: str) -> int:
        if len(word) > self._max_length:
            return NO_TOKEN
        row: int = self._trie.get(word, NO_VECTOR)
        if row != NO_VECTOR or not self._ngrams:
            return row
        return self.size + self._unknown.setdefault(word, len(self._unknown))
