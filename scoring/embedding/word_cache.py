"""A bounded cache from words to ids, in which a few array operations look up all words of a block.

A look-up in a dictionary makes, hashes and compares a string, one word at a time: 120 ns a word, more than
everything else that is done with a word. Here the key of a word of up to 16 bytes is a pair of 64-bit integers,
and a look-up takes 15 ns.

The cache is a set-associative hash table: a word can be in any of `_WAYS` adjacent slots.
"""

import numpy as np
from numpy.typing import NDArray

# Longer words, one in a thousand in English, are not cached.
KEY_BYTES = 16
_KEY = np.dtype(f"V{KEY_BYTES}")
# Row n keeps the first n bytes of a key and clears the others, for n from 0 to KEY_BYTES.
_MASKS = np.tri(KEY_BYTES + 1, KEY_BYTES, -1, dtype=np.uint8) * np.uint8(255)

# 131,072 slots of 20 bytes: 2.6 MB per worker. Half as many are as quick only for up to 20,000 distinct words.
_SLOT_BITS = 17
# A word that finds all of its slots taken replaces the word in the last. With 60,000 words in the cache that
# happens to one in fifty, and each of the two words is looked up slowly as often as the other replaces it.
_WAYS = 4
# Multiply-shift hashing: two odd factors with well-spread bits, those of splitmix64; the slot is the upper bits of
# the sum.
_FACTOR_1, _FACTOR_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(64 - _SLOT_BITS)

WordKeys = NDArray[np.uint64]


def word_keys(folded: bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> WordKeys:
    """Return the keys (m, 2) of the words at the offsets `starts` (m,) of `folded`: their bytes, padded with zeros.

    lengths (m,) are in bytes. A word of more than KEY_BYTES bytes gets the key of its first KEY_BYTES bytes, which
    other words can have too: the caller must not store it, and must ignore what is found for it.
    """
    padded = folded + b" " * KEY_BYTES
    windows = np.ndarray(len(folded) + 1, dtype=_KEY, buffer=padded, strides=(1,))
    masks = _MASKS.view(np.uint64).take(lengths, axis=0, mode="clip")
    return windows[starts].view(np.uint64).reshape(-1, 2) & masks


class WordCache:
    """Ids of words by key; a full set of slots drops a word. Not for several threads."""

    def __init__(self) -> None:
        slots = (1 << _SLOT_BITS) + _WAYS
        # No word has a key of zeros, so a slot of zeros is free.
        self._keys = np.zeros(slots, dtype=_KEY)
        self._ids = np.zeros(slots, dtype=np.int32)

    def find(self, keys: WordKeys) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the ids (m,) of the words with `keys` (m, 2), and the positions of those that are not cached.

        The ids at these positions have no meaning.
        """
        slots = _slots(keys)
        ids = self._ids.take(slots)
        missing = np.flatnonzero(~self._hold(slots, keys))
        for way in range(1, _WAYS):
            if not len(missing):
                break
            nearby = slots[missing] + way
            ids[missing] = self._ids.take(nearby)
            missing = missing[~self._hold(nearby, keys[missing])]
        return ids, missing

    def store(self, keys: WordKeys, ids: NDArray[np.int32]) -> None:
        """Cache the ids (m,) of words with `keys` (m, 2); equal keys must have equal ids."""
        slots = _slots(keys)
        for way in range(_WAYS):
            nearby = slots + way
            usable = (
                np.ones(len(nearby), bool) if way == _WAYS - 1 else self._hold(nearby, np.zeros_like(keys))
            )
            self._keys[nearby[usable]] = keys[usable].view(_KEY)[:, 0]
            self._ids[nearby[usable]] = ids[usable]
            # Of several words for one slot the last was written; the others try the next slot.
            left = ~self._hold(nearby, keys)
            slots, keys, ids = slots[left], keys[left], ids[left]

    def drop(self, lowest: int) -> None:
        """Drop every word whose id is `lowest` or higher."""
        self._keys[self._ids >= lowest] = np.zeros(1, dtype=_KEY)

    def _hold(self, slots: NDArray[np.int64], keys: WordKeys) -> NDArray[np.bool_]:
        """Return (m,) whether each of `slots` (m,) holds the key beside it."""
        held = self._keys.take(slots).view(np.uint64).reshape(-1, 2)
        # Two comparisons of columns take a tenth of the time of `(held == keys).all(axis=1)`.
        same: NDArray[np.bool_] = (held[:, 0] == keys[:, 0]) & (held[:, 1] == keys[:, 1])
        return same


def _slots(keys: WordKeys) -> NDArray[np.int64]:
    return ((keys[:, 0] * _FACTOR_1 + keys[:, 1] * _FACTOR_2) >> _SHIFT).astype(np.int64)
