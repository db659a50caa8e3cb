"""The steps that see the whole corpus at once and take seconds: its order, its pairs, its groups."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.corpora.arrangement import Tree, find_leaves, in_blocks, learn_tree, sample_size, tree_depth
from scoring.corpora.corpus import Corpus
from scoring.corpora.vectors import embedded_parts, vector_places
from scoring.similarity.cosine import unit_vectors

Arrays = dict[str, NDArray[Any]]


def arrange(corpus: Corpus) -> Arrays:
    """Return the order of the new documents by similarity and where every document is in it.

    order (n,): positions, block by block, without documents that have no vector. slots (N,): block · size + row of
    each document of the answer, −1 without a vector. part_…: where the vectors of each part are. Time O(n·d·log n);
    memory 24 bytes a document and a sample.
    """
    plan = corpus.plan
    tree = _tree(corpus)
    leaves, positions, firsts = [], [], []
    for first, vectors, present in embedded_parts(corpus):
        rows = np.flatnonzero(present)
        leaves.append(find_leaves(unit_vectors(vectors[rows]), tree))
        positions.append(first + rows)
        firsts.append(first)
    order = np.concatenate(positions)[in_blocks(np.concatenate(leaves), plan.block_documents)]
    places = vector_places(corpus)
    return {
        "order": order,
        "slots": _slots(corpus, order),
        "directions": tree.directions,
        "cuts": tree.cuts,
        "part_firsts": np.array(firsts),
        "part_segments": np.array([int(place.path.stem) for place in places]),
        "part_offsets": np.array([place.offset for place in places]),
    }


def _tree(corpus: Corpus) -> Tree:
    """Learn a tree from a sample, or take that of the corpus to compare with: then similar documents meet early."""
    plan = corpus.plan
    if plan.base is not None:
        return Tree(corpus.base.arranged("directions"), corpus.base.arranged("cuts"))
    stride = max(1, plan.documents // sample_size(plan.documents))
    sample = []
    for first, vectors, present in embedded_parts(corpus):
        rows = np.arange(-first % stride, len(vectors), stride)
        sample.append(unit_vectors(vectors[rows[present[rows]]]))
    return learn_tree(np.concatenate(sample), tree_depth(plan.documents))


def _slots(corpus: Corpus, order: NDArray[np.int64]) -> NDArray[np.int64]:
    plan = corpus.plan
    slots = np.full(plan.first_document + plan.documents, -1)
    if plan.options.append:
        slots[: plan.first_document] = corpus.base.arranged("slots")
    slots[order] = plan.first_block * plan.block_documents + np.arange(len(order))
    return slots
