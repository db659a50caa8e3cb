"""How many clusters a corpus should have: as many as two halves of it find alike.

For each candidate k, K-Means is fitted to two random halves of the documents, apart from each other. How alike the two
models assign all documents is the adjusted mutual information of their labels: 1 for the same clusters, 0 for what
chance gives. Clusters that are there in the texts come out of both halves; those that K-Means had to make up do not.
Only such k are chosen as agree better than those next to them, and since few clusters agree best, ln k adds a little.
Sources: Ben-Hur, Elisseeff and Guyon 2002, "A stability based method for discovering structure in clustered data";
Vinh, Epps and Bailey 2010, "Information theoretic measures for clusterings comparison". Its weakness: topics at
several levels, of which it finds one.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_mutual_info_score

from scoring.progress import Progress
from scoring.training.ward import fit_kmeans

#: A number of clusters, or "auto" to choose it.
CountOrAuto = int | Literal["auto"]

# Bounds the time for large corpora.
_SAMPLE_DOCS = 4_000
# Halvings whose agreement is averaged: one differs from the next by about 0.05.
_HALVINGS = 10
# About a quarter apart.
_CANDIDATES = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64)
# A candidate leaves at least this many documents a cluster on average: terms and distance quantiles need some.
_DOCS_PER_CLUSTER = 8
# What ln k is multiplied with: twice as many clusters may cost 0.042 of the agreement. With it the choice was right
# for 2, 4 and 5 topics of BBC stories (4 for 3), for 3 and 6 newsgroups, 8 for 10 of them. Where topics have parts
# that are clusters, too, chance decides between both: 3 to 20 for all 20 newsgroups and 6 to 48 for 8 classes of
# Reuters reports; with 0.055 mostly 3 and 6.
_FINENESS = 0.06
# A judgement: clusters of which two halves of the documents find little more than half alike describe neither.
_WEAK_AGREEMENT = 0.6


def measure_agreement(
    doc_vectors: NDArray[np.float32], distinct: int, seed: int, progress: Progress
) -> list[tuple[int, float]]:
    """Return (k, agreement of halves, about 0 to 1) of each candidate k that n documents, `distinct` of them, allow.

    The list is empty for fewer than 16 distinct documents. Time O(s²·d), and O(s·k·d) a candidate and iteration of
    K-Means, for a sample of s = min(n, 4,000) documents.
    """
    random = np.random.default_rng(seed)
    orders = [random.permutation(len(doc_vectors))[:_SAMPLE_DOCS] for _ in range(_HALVINGS)]
    limit = min(len(orders[0]), distinct) // _DOCS_PER_CLUSTER
    candidates = [k for k in _CANDIDATES if k <= limit]
    agreements = np.empty((_HALVINGS, len(candidates)))
    for done, order in enumerate(orders):
        agreements[done] = _agreements(doc_vectors[order], candidates, seed)
        progress("choose k", done + 1, _HALVINGS)
    return list(zip(candidates, agreements.mean(axis=0).tolist(), strict=True))


def _agreements(sample: NDArray[np.float32], candidates: Sequence[int], seed: int) -> list[float]:
    """Return how alike two models, fitted to either half of the sample, cluster all of it, for each number k."""
    half = len(sample) // 2
    one, other = (fit_kmeans(part, candidates, seed) for part in (sample[:half], sample[half:]))
    pairs = zip(one, other, strict=True)
    return [adjusted_mutual_info_score(a.predict(sample), b.predict(sample)) for a, b in pairs]


def choose_cluster_count(agreements: Sequence[tuple[int, float]], distinct: int) -> tuple[int, str]:
    """Return the k that halves agree on better than on those next to it, and the reason in a sentence.

    Of several such k, that of the highest agreement + 0.06·ln k; 1 if there are no candidates.
    """
    if not agreements:
        return 1, f"one cluster: too few documents to tell more apart, {distinct}"
    k, agreement = max(
        _peaks(agreements), key=lambda candidate: candidate[1] + _FINENESS * np.log(candidate[0])
    )
    tried = ", ".join(str(k) for k, _ in agreements)
    reason = f"{k} clusters, of {tried}: two halves of the documents agree on them by {agreement:.2f} of 1"
    if is_weak(agreements, k):
        reason += "; this is weak evidence: the texts may have no clusters, or too few examples of them"
    return k, reason


def _peaks(agreements: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
    """Return the candidates whose agreement is no less than that of those before and after them.

    The last, of which nobody knows what comes after it, has to be the best of all: with few documents a cluster,
    agreement rises again, since K-Means then finds copies and single documents.
    """
    values = [agreement for _, agreement in agreements]
    after = [*values[1:], max(values)]
    before = [min(values), *values]
    neighbours = zip(agreements, before, after, strict=False)
    return [candidate for candidate, left, right in neighbours if candidate[1] >= max(left, right)]


def is_weak(agreements: Sequence[tuple[int, float]], k: int) -> bool:
    """Return whether the halves hardly agree on k clusters; False where k was not chosen by agreement."""
    return dict(agreements).get(k, 1.0) < _WEAK_AGREEMENT
