"""Words that describe a cluster: those that more of its documents have than of others."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TERMS_PER_CLUSTER = 10
# Single letters, such as the "s" of "Argentina's", describe nothing; one character of Han or Hangul can be a word.
_WORD_OF_ONE = re.compile("[\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]")


def descriptive_terms(
    documents: Sequence[Sequence[str]], labels: NDArray[np.int64], clusters: int
) -> list[list[str]]:
    """Return up to TERMS_PER_CLUSTER tokens for each cluster, the most descriptive first, ties by alphabet.

    labels (n,) are the clusters of the n tokenised documents, 0 to clusters − 1. The score of a word is its part of
    the Kullback-Leibler divergence of the cluster from the corpus, q·log(q / p), where q and p are the shares of
    the cluster's and of all documents that have the word. A word that is in every document scores 0, so no list of
    stop words is needed in any language. A word of only one document of a cluster with several is left out: it
    describes that document, not the cluster.
    """
    everywhere: Counter[str] = Counter()
    within: list[Counter[str]] = [Counter() for _ in range(clusters)]
    for tokens, label in zip(documents, labels, strict=True):
        present = set(tokens)
        everywhere.update(present)
        within[label].update(present)
    sizes = np.bincount(labels, minlength=clusters)
    return [
        _top_terms(found, int(size), everywhere, len(documents))
        for found, size in zip(within, sizes, strict=True)
    ]


def _top_terms(found: Counter[str], size: int, everywhere: Counter[str], total: int) -> list[str]:
    min_count = min(2, size)
    words = sorted(word for word, count in found.items() if count >= min_count and _can_describe(word))
    q = np.array([found[word] for word in words]) / max(1, size)
    p = np.array([everywhere[word] for word in words]) / total
    scores = q * np.log(q / p)
    ranked = np.argsort(-scores, kind="stable")[:TERMS_PER_CLUSTER]
    return [words[i] for i in ranked if scores[i] > 0]


def _can_describe(word: str) -> bool:
    return len(word) > 1 or _WORD_OF_ONE.match(word) is not None
