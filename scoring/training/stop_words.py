"""Words that say little about a document's subject in any text of its language: "the", "und", "は".

A corpus does not show by itself which these are: reports in sentences and tables of figures differ in their share of
them, which is no subject. So they come from lists, of the languages that the corpus is in.
"""

from collections.abc import Collection, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from stop_words import AVAILABLE_LANGUAGES, get_stop_words  # type: ignore[import-untyped]  # it has no types

from scoring.tokens.names import TokenizerName
from scoring.tokens.tokenizer import Tokenizer

# What a stop word counts of another word that is as frequent. With 0, documents of nothing but stop words would have no
# vector, and clusters and neighbours are no better.
_STOP_WORD_RELEVANCE = 0.1
# A language is one of the corpus's if its list covers this share of what the list covers that covers most. English news
# have half of their words in the English list, and less than a tenth in another. But a fifth is in the Slovak list, by
# mistake, as that has "the", "of" and "and": it adds a handful of rare words to those of any English corpus.
_SHARE_OF_FIRST = 1 / 3
# Where no list covers this share of the words, the corpus is in no language that has one.
_LEAST_COVERED = 0.1


def word_relevance(
    words: Collection[str], totals: NDArray[np.int64], tokenizer: TokenizerName
) -> NDArray[np.float32]:
    """Return how much each word (V,) counts, 1 or that of a stop word, for V words that occur `totals` (V,) times."""
    stop_words = find_stop_words(dict(zip(words, totals.tolist(), strict=True)), tokenizer)
    return np.array([_STOP_WORD_RELEVANCE if word in stop_words else 1 for word in words], np.float32)


def find_stop_words(totals: Mapping[str, int], tokenizer: TokenizerName) -> frozenset[str]:
    """Return those of the words of a corpus, each with how often it occurs, that its languages have as stop words.

    The lists are cut by the same tokenizer, and compared in lower case.
    """
    lowered: dict[str, int] = {}
    for word, total in totals.items():
        lowered[word.lower()] = lowered.get(word.lower(), 0) + total
    lists = list(_lists(tokenizer))
    covered = [sum(lowered.get(word, 0) for word in found) for found in lists]
    least = max(_SHARE_OF_FIRST * max(covered), _LEAST_COVERED * sum(lowered.values()), 1)
    chosen = frozenset[str]().union(
        *(found for found, total in zip(lists, covered, strict=True) if total >= least)
    )
    return frozenset(word for word in totals if word.lower() in chosen)


def _lists(tokenizer: TokenizerName) -> Iterator[frozenset[str]]:
    """Yield the stop words of each language that has a list."""
    tokenize = Tokenizer(tokenizer).tokenize
    for language in AVAILABLE_LANGUAGES:
        # The list of English has 1,300 words, "computer", "state" and "net" among them. With scikit-learn's 318 the
        # clusters of news were better: of wire reports 0.58 instead of 0.54 (normalised mutual information).
        words = ENGLISH_STOP_WORDS if language == "english" else get_stop_words(language)
        yield frozenset(token for word in words for token in tokenize(word.lower()))
