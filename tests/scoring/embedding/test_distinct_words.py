"""The distinct words of documents."""

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scoring.embedding.distinct_words import distinct_words

DOCUMENTS = st.lists(st.lists(st.integers(-2, 9), max_size=12), max_size=6)


@given(DOCUMENTS)
def test_each_document_has_each_of_its_words_once(documents: list[list[int]]) -> None:
    """With the number of its occurrences there, in ascending order, ids that stand for no word last."""
    ids = np.array([word for words in documents for word in words], np.int32)

    distinct = distinct_words(ids, np.cumsum([0, *map(len, documents)]))

    assert len(distinct.bounds) == len(documents) + 1
    for words, (start, stop) in zip(documents, pairwise(distinct.bounds.tolist()), strict=True):
        expected = Counter(words)
        assert distinct.ids[start:stop].tolist() == sorted(expected, key=lambda word: (word < 0, word))
        assert distinct.counts[start:stop].tolist() == [expected[word] for word in distinct.ids[start:stop]]


@given(DOCUMENTS, st.sets(st.integers(-2, 9)))
def test_occurrences_of_some_words_are_counted_by_document(
    documents: list[list[int]], some: set[int]
) -> None:
    """A word that occurs several times counts as often."""
    ids = np.array([word for words in documents for word in words], np.int32)
    distinct = distinct_words(ids, np.cumsum([0, *map(len, documents)]))

    counted = distinct.occurrences(np.flatnonzero(np.isin(distinct.ids, list(some))))

    assert counted.tolist() == [sum(word in some for word in words) for words in documents]
