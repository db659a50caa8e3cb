"""Words that describe a cluster: those that its documents have and others have not."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TERMS_PER_CLUSTER = 10
# "s" of "Argentina's" and the like: letters on their own describe nothing.
_MIN_LENGTH = 2


def descriptive_terms(
    documents: Sequence[Sequence[str]], labels: NDArray[np.int64], clusters: int
) -> list[list[str]]:
    """Return the most descriptive tokens of each cluster, best first; `labels` (n,) says whose a document is.

    The score is a word's part of the Kullback-Leibler divergence between the cluster and the corpus,
    q·log(q / p), where q and p are the shares of the cluster's and of all documents that have the word.
    Words that are everywhere score 0, so no list of stop words is needed in any language; words of one
    document only are left out where the cluster has more documents, since they describe that document.
    """
    everywhere: Counter[str] = Counter()
    within: list[Counter[str]] = [Counter() for _ in range(clusters)]
    for tokens, label in zip(documents, labels, strict=True):
        present = set(tokens)
        everywhere.update(present)
        within[label].update(present)
    sizes = np.bincount(labels, minlength=clusters)
    return [
        _best(found, int(size), everywhere, len(documents)) for found, size in zip(within, sizes, strict=True)
    ]


def _best(found: Counter[str], size: int, everywhere: Counter[str], total: int) -> list[str]:
    least = min(2, size)
    words = sorted(word for word, count in found.items() if count >= least and len(word) >= _MIN_LENGTH)
    q = np.array([found[word] for word in words]) / max(1, size)
    p = np.array([everywhere[word] for word in words]) / total
    scores = q * np.log(q / p)
    ranked = np.argsort(-scores, kind="stable")[:TERMS_PER_CLUSTER]
    return [words[i] for i in ranked if scores[i] > 0]
