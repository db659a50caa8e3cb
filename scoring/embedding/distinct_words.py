"""The distinct words of each document, and how often each occurs there.

Sums over distinct words take half the time of sums over all: of two words of a text one has occurred before, and words
in the order of their ids are near each other in memory.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Of a sorted key: the document is above, the id below.
_ID_BITS = 32


class DistinctWords(NamedTuple):
    """The u distinct words of n documents, by document and id; as unsigned numbers, so negative ids are last.

    ids (u,) int32; counts (u,) int64, how often each occurs in its document; bounds (n + 1,) int64: document i has
    those from bounds[i] to bounds[i + 1].
    """

    ids: NDArray[np.int32]
    counts: NDArray[np.int64]
    bounds: NDArray[np.int64]

    def occurrences(self, some: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (n,) how often the words at the ascending positions `some` occur in each document."""
        if not len(some):
            return np.zeros(len(self.bounds) - 1, dtype=np.int64)
        totals = np.append(0, np.cumsum(self.counts[some]))
        return np.diff(totals[np.searchsorted(some, self.bounds)])


def distinct_words(ids: NDArray[np.int32], bounds: NDArray[np.int64]) -> DistinctWords:
    """Return the distinct words of documents: the ids (m,) of document i are from bounds[i] to bounds[i + 1].

    Time O(m·log m), 5 ns a word; memory O(m).
    """
    documents = np.arange(len(bounds) - 1) << _ID_BITS
    keys = np.repeat(documents, np.diff(bounds)) | ids.view(np.uint32)
    keys.sort()
    # The end of the last word is the beginning of one more.
    first = np.ones(len(keys) + 1, dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=first[1:-1])
    starts = np.flatnonzero(first)
    return DistinctWords(
        ids=keys[starts[:-1]].astype(np.uint32).view(np.int32),
        counts=np.diff(starts),
        bounds=np.searchsorted(starts, bounds),
    )
