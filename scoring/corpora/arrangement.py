"""An order of documents that puts similar ones near, so that the first comparisons already find most neighbours.

A binary tree is learned from a sample: each node is halved at the median of the projections on the line between two of
its documents that are far apart. Every document then falls through the tree to a leaf, by itself, and the leaves are
taken in their order. The order decides how much later tiles let by and nothing else: results do not depend on it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Documents of a leaf on average: several leaves to a block, so that most of a leaf is in one block.
_LEAF_DOCS = 384
# Of the sample, for each leaf: the median of so few is off by a tenth of the node, which does no harm.
_SAMPLED_PER_LEAF = 16


@dataclass(frozen=True, slots=True)
class Tree:
    """directions (2^t − 1, d) and cuts (2^t − 1,) float32: at node i a vector v goes right if v·direction > cut.

    Nodes are numbered by level: those below node i are 2i + 1 and 2i + 2.
    """

    directions: NDArray[np.float32]
    cuts: NDArray[np.float32]


def tree_depth(documents: int) -> int:
    """Return the levels of a tree for so many documents."""
    return max(0, -(-documents // _LEAF_DOCS) - 1).bit_length()


def sample_size(documents: int) -> int:
    """Return how many documents a tree for `documents` is learned from."""
    return min(documents, _SAMPLED_PER_LEAF << tree_depth(documents))


def learn_tree(sample: NDArray[np.float32], depth: int) -> Tree:
    """Return a tree of `depth` levels, from units (s, d) of a sample. Time O(s·d·depth)."""
    directions = np.zeros(((1 << depth) - 1, sample.shape[1]), np.float32)
    cuts = np.zeros(len(directions), np.float32)
    members = [np.arange(len(sample))]
    for node in range(len(directions)):
        docs = members[node]
        left = right = docs
        if len(docs):
            vectors = sample[docs]
            one_end = vectors[np.argmin(vectors @ vectors[0])]
            other_end = vectors[np.argmin(vectors @ one_end)]
            directions[node] = other_end - one_end
            projections = vectors @ directions[node]
            cuts[node] = np.median(projections)
            left, right = docs[projections <= cuts[node]], docs[projections > cuts[node]]
        members += [left, right]
    return Tree(directions, cuts)


def find_leaves(units: NDArray[np.float32], tree: Tree) -> NDArray[np.int64]:
    """Return the leaf, 0 to 2^t − 1, of each of units (n, d). Time and memory O(n·d·t) and O(n·d)."""
    nodes = np.zeros(len(units), np.int64)
    for _ in range(len(tree.cuts).bit_length()):
        right = np.vecdot(units, tree.directions[nodes]) > tree.cuts[nodes]
        nodes = 2 * nodes + 1 + right
    return nodes - len(tree.cuts)


def in_blocks(leaves: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return the order of documents (n,) by leaf, in which those of each block of `size` are in order of position.

    Ties between neighbours go to the lower position, so positions must ascend within a block.
    """
    order = np.argsort(leaves, kind="stable")
    for start in range(0, len(order), size):
        order[start : start + size].sort()
    return order
