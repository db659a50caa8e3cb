"""A bounded cache from words to numbers that answers for arrays.

Looking words up in a dictionary costs more than all that is done with them: a string is made, hashed and
compared, one word at a time. Here a word of up to 16 bytes is a pair of 64-bit integers, compared whole, and
a few array operations look up all words of a block: 15 ns a word against 120 ns.
"""

import numpy as np
from numpy.typing import NDArray

# Longer words (one in a thousand in English) have no key.
KEY_BYTES = 16
_KEY = np.dtype(f"V{KEY_BYTES}")
# Row n keeps the first n bytes of a key and clears the others.
_MASKS = np.tri(KEY_BYTES + 1, KEY_BYTES, -1, dtype=np.uint8) * np.uint8(255)

# 131,072 slots of 20 bytes: 2.6 MB per worker. Half as many stay as quick only up to 20,000 distinct words.
_SLOT_BITS = 17
# A word is in one of four neighbouring slots; where all are taken, it replaces the word in the last. With
# 60,000 words in the cache that happens to one in fifty, and costs slow look-ups while both are in use.
_WAYS = 4
# Multiply-shift hashing: odd factors with well-spread bits (those of splitmix64), the upper bits of the sum.
_FACTOR_1, _FACTOR_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(64 - _SLOT_BITS)

WordKeys = NDArray[np.uint64]


def word_keys(folded: bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> WordKeys:
    """Return the keys (m, 2) of the words at `starts` in `folded`: their bytes, and zeros after them.

    A word of more than KEY_BYTES bytes has the key of its beginning, which is not its own.
    """
    padded = folded + b" " * KEY_BYTES
    windows = np.ndarray(len(folded) + 1, dtype=_KEY, buffer=padded, strides=(1,))
    masks = _MASKS.view(np.uint64).take(lengths, axis=0, mode="clip")
    return windows[starts].view(np.uint64).reshape(-1, 2) & masks


class WordCache:
    """Numbers of words by key; forgets words when it gets full. Not for several threads."""

    def __init__(self) -> None:
        slots = (1 << _SLOT_BITS) + _WAYS
        # No word has a key of zeros, so a slot of zeros is free.
        self._keys = np.zeros(slots, dtype=_KEY)
        self._numbers = np.zeros(slots, dtype=np.int32)

    def find(self, keys: WordKeys) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the numbers (m,) of the words with `keys` (m, 2), and the indices of those not here."""
        slots = _slots(keys)
        numbers = self._numbers.take(slots)
        missing = np.flatnonzero(~self._holds(slots, keys))
        for way in range(1, _WAYS):
            if not len(missing):
                break
            nearby = slots[missing] + way
            numbers[missing] = self._numbers.take(nearby)
            missing = missing[~self._holds(nearby, keys[missing])]
        return numbers, missing

    def store(self, keys: WordKeys, numbers: NDArray[np.int32]) -> None:
        """Remember words and their numbers; equal keys have equal numbers."""
        slots = _slots(keys)
        for way in range(_WAYS):
            nearby = slots + way
            usable = (
                np.ones(len(nearby), bool) if way == _WAYS - 1 else self._holds(nearby, np.zeros_like(keys))
            )
            self._keys[nearby[usable]] = keys[usable].view(_KEY)[:, 0]
            self._numbers[nearby[usable]] = numbers[usable]
            # Of several words for one slot the last was written; the others go on to the next.
            left = ~self._holds(nearby, keys)
            slots, keys, numbers = slots[left], keys[left], numbers[left]

    def forget(self, least: int) -> None:
        """Forget every word whose number is `least` or more."""
        self._keys[self._numbers >= least] = np.zeros(1, dtype=_KEY)

    def _holds(self, slots: NDArray[np.int64], keys: WordKeys) -> NDArray[np.bool_]:
        held = self._keys.take(slots).view(np.uint64).reshape(-1, 2)
        # Two comparisons of columns take a tenth of the time of `(held == keys).all(axis=1)`.
        same: NDArray[np.bool_] = (held[:, 0] == keys[:, 0]) & (held[:, 1] == keys[:, 1])
        return same


def _slots(keys: WordKeys) -> NDArray[np.int64]:
    return ((keys[:, 0] * _FACTOR_1 + keys[:, 1] * _FACTOR_2) >> _SHIFT).astype(np.int64)
