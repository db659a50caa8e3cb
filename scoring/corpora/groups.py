"""Groups of near-duplicates, from the pairs of documents that are at least so similar; on arrays alone.

`components` are the connected components of the graph of pairs. They chain: A like B and B like C make one group even
where A is unlike C; `weakest_link` tells how weak the chain is. In `complete` groups every two documents are a pair
(complete-link clustering, agglomerated from the most similar pair down), so a document may be apart from some that it
is like.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from scoring.corpora.options import Linkage
from scoring.corpora.tiles import PairHits


@dataclass(frozen=True, slots=True)
class Groups:
    """For each of n documents: representative (n,) int64, size (n,) int64, weakest_link (n,) float32.

    representative: the group's first document, by position. A document that is like no other is a group of one, with
    a weakest link of 1, as a representative of components has. Otherwise the weakest link is, in components, the least
    cosine on the best chain of pairs from the document to its representative; in complete groups the least cosine to
    any other of the group.
    """

    representative: NDArray[np.int64]
    size: NDArray[np.int64]
    weakest_link: NDArray[np.float32]


def group(pairs: PairHits, threshold: float, linkage: Linkage, documents: int) -> Groups:
    """Return the groups of `documents` by the pairs of at least `threshold`; pairs has all of these.

    Time O(p·log p) for p pairs, for complete groups in Python (some seconds a million); memory 60 bytes a pair and
    document.
    """
    strong = np.flatnonzero(pairs.similarity >= np.float32(threshold))
    first, second, similarity = pairs.first[strong], pairs.second[strong], pairs.similarity[strong]
    graph = csr_array((2.0 - similarity.astype(np.float64), (first, second)), (documents, documents))
    if linkage == "components":
        labels = connected_components(graph, directed=False)[1]
        representative = _firsts(labels)
        links = _chain_links(graph, representative)
    else:
        representative = _firsts(_complete_labels(first, second, similarity, documents))
        within = representative[first] == representative[second]
        links = np.ones(documents, np.float32)
        np.minimum.at(links, first[within], similarity[within])
        np.minimum.at(links, second[within], similarity[within])
    return Groups(representative, np.bincount(representative, minlength=documents)[representative], links)


def _firsts(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the first document with the label of each."""
    _, firsts, numbers = np.unique(labels, return_index=True, return_inverse=True)
    found: NDArray[np.int64] = firsts.astype(np.int64)[numbers]
    return found


def _chain_links(graph: csr_array, representative: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the least cosine on each document's best chain to its representative.

    The best chains are those of a spanning tree of the greatest cosines (graph: 2 − cosine). Documents are walked
    through from the representatives on, breadth first, from a root above all of them.
    """
    n = len(representative)
    tree = minimum_spanning_tree(graph).tocoo()
    roots = np.flatnonzero(representative == np.arange(n))
    rows, columns = np.append(tree.row, np.full(len(roots), n)), np.append(tree.col, roots)
    walked = csr_array((np.append(tree.data, np.ones(len(roots))), (rows, columns)), (n + 1, n + 1))
    order, before = breadth_first_order(walked, n, directed=False)
    cosines = {}
    for row, column, weight in zip(tree.row.tolist(), tree.col.tolist(), tree.data.tolist(), strict=True):
        cosines[row, column] = cosines[column, row] = 2.0 - weight
    links = [1.0] * (n + 1)
    parents = before.tolist()
    for doc in order[1:].tolist():
        parent = parents[doc]
        links[doc] = 1.0 if parent == n else min(links[parent], cosines[parent, doc])
    return np.array(links[:n], np.float32)


def _complete_labels(
    first: NDArray[np.int64], second: NDArray[np.int64], similarity: NDArray[np.float32], documents: int
) -> NDArray[np.int64]:
    """Return the complete-link group of each document, as the number of one of its documents.

    Pairs are taken from the most similar down, ties by position. Two groups become one with the last of the pairs
    between them; its cosine is the least between them.
    """
    order = np.lexsort((second, first, -similarity))
    group_of = list(range(documents))
    members: dict[int, list[int]] = {}
    seen: dict[int, dict[int, int]] = {}
    for one, other in zip(first[order].tolist(), second[order].tolist(), strict=True):
        a, b = group_of[one], group_of[other]
        of_a, of_b = seen.setdefault(a, {}), seen.setdefault(b, {})
        count = of_a[b] = of_b[a] = of_a.get(b, 0) + 1
        if count == len(members.setdefault(a, [a])) * len(members.setdefault(b, [b])):
            if len(of_a) < len(of_b):
                a, b = b, a
            _unite(a, b, members, seen)
            for document in members.pop(b):
                group_of[document] = a
    return np.array(group_of)


def _unite(a: int, b: int, members: dict[int, list[int]], seen: dict[int, dict[int, int]]) -> None:
    """Add group b to group a, and how many pairs were seen between it and others."""
    members[a] += members[b]
    of_a, of_b = seen[a], seen.pop(b)
    del of_a[b], of_b[a]
    for other, count in of_b.items():
        of_other = seen[other]
        del of_other[b]
        of_a[other] = of_other[a] = of_a.get(other, 0) + count
