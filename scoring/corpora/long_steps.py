"""The steps that see the whole corpus at once and take seconds: its order, its pairs, its groups."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.corpora.arrangement import Tree, find_leaves, in_blocks, learn_tree, sample_size, tree_depth
from scoring.corpora.corpus import Corpus
from scoring.corpora.groups import group
from scoring.corpora.options import Linkage
from scoring.corpora.pairs import SAMPLED_DOCUMENTS, choose_floor, keep_pairs
from scoring.corpora.records import Records
from scoring.corpora.tiles import PairHits
from scoring.corpora.vectors import embedded_parts, vector_places
from scoring.similarity.cosine import unit_vectors

# Documents of each block of the base in an estimate of pairs with it.
_OF_A_BLOCK = 32

Arrays = dict[str, NDArray[Any]]


def arrange(corpus: Corpus) -> Arrays:
    """Return the order of the new documents by similarity and where every document is in it.

    order (n,): positions, block by block, without documents that have no vector. slots (N,): block · size + row of
    each document of the answer, −1 without a vector. part_…: where the vectors of each part are. Time O(n·d·log n);
    memory 24 bytes a document and a sample.
    """
    plan = corpus.plan
    sample = _sample(corpus)
    tree = _tree(corpus, sample)
    leaves, positions, firsts = [], [], []
    for first, vectors, present in embedded_parts(corpus):
        rows = np.flatnonzero(present)
        leaves.append(find_leaves(unit_vectors(vectors[rows]), tree))
        positions.append(first + rows)
        firsts.append(first)
    order = np.concatenate(positions)[in_blocks(np.concatenate(leaves), plan.block_documents)]
    places = vector_places(corpus)
    arrays: Arrays = {
        "slots": _slots(corpus, order),
        "part_firsts": np.array(firsts),
        "part_segments": np.array([int(place.path.stem) for place in places]),
        "part_offsets": np.array([place.offset for place in places]),
    }
    if plan.options.append:
        for name in ("part_firsts", "part_segments", "part_offsets"):
            arrays[name] = np.concatenate((corpus.base.arranged(name), arrays[name]))
    tree_arrays = {"directions": tree.directions, "cuts": tree.cuts}
    return {"order": order, "kept_from": _kept_from(corpus, sample), **arrays, **tree_arrays}


def _sample(corpus: Corpus) -> NDArray[np.float32]:
    """Return unit vectors of new documents, evenly from all: for the tree and for an estimate of pairs."""
    plan = corpus.plan
    wanted = max(sample_size(plan.documents), min(SAMPLED_DOCUMENTS, plan.documents))
    stride = max(1, plan.documents // wanted)
    sample = []
    for first, vectors, present in embedded_parts(corpus):
        rows = np.arange(-first % stride, len(vectors), stride)
        sample.append(unit_vectors(vectors[rows[present[rows]]]))
    return np.concatenate(sample)


def _tree(corpus: Corpus, sample: NDArray[np.float32]) -> Tree:
    """Learn a tree from a sample, or take that of the corpus to compare with: then similar documents meet early."""
    plan = corpus.plan
    if plan.base is not None:
        return Tree(corpus.base.arranged("directions"), corpus.base.arranged("cuts"))
    stride = max(1, len(sample) // max(1, sample_size(plan.documents)))
    return learn_tree(sample[::stride], tree_depth(plan.documents))


def _kept_from(corpus: Corpus, sample: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return from which cosine on pairs are kept, (1,), so that they are not many more than may be."""
    plan, least = corpus.plan, corpus.plan.options.pairs_from
    if least is None:
        return np.array([np.inf])
    new, old = plan.documents, plan.first_document
    others = None
    sampled = sample[:: max(1, len(sample) // SAMPLED_DOCUMENTS)]
    share = (len(sampled) / new) ** 2
    if old:
        others = np.concatenate(
            [corpus.block(block).units[:_OF_A_BLOCK] for block in range(plan.first_block)]
        )
        share = len(sampled) / new * len(others) / old
    possible = new * old if old else new * (new - 1) // 2
    if possible <= plan.options.max_pairs:
        return np.array([least])
    return np.array([choose_floor(sampled, others, least, plan.options.max_pairs * share)])


def _slots(corpus: Corpus, order: NDArray[np.int64]) -> NDArray[np.int64]:
    plan = corpus.plan
    slots = np.full(plan.first_document + plan.documents, -1)
    if plan.options.append:
        slots[: plan.first_document] = corpus.base.arranged("slots")
    slots[order] = plan.first_block * plan.block_documents + np.arange(len(order))
    return slots


def pairs(corpus: Corpus) -> Arrays:
    """Return the pairs that are kept, sorted; how many there are; and which documents are like one of the base.

    bounds (parts + 1,): which pairs each part of the answer owns. total (1,): pairs of at least `pairs_from`.
    """
    plan, options = corpus.plan, corpus.plan.options
    by_second = plan.base is not None and not options.append
    floor = float(corpus.arranged("kept_from")[0])
    total, seen = np.zeros(1, np.int64), np.zeros(plan.documents, np.bool_)

    def found() -> Iterator[PairHits]:
        for arrays in _compared(corpus):
            total[0] += arrays["pair_total"][0]
            seen[arrays["seen"] - plan.first_document] = True
            yield PairHits(*(arrays[f"pair_{name}"] for name in PairHits._fields))

    kept = keep_pairs(found(), floor, options.max_pairs, by_second=by_second)
    owners = kept.pairs.second if by_second else kept.pairs.first
    return {
        **kept.pairs._asdict(),
        "kept_from": np.array([kept.kept_from]),
        "total": total,
        "seen": seen,
        "bounds": np.searchsorted(owners, np.append(corpus.arranged("part_firsts"), np.iinfo(np.int64).max)),
    }


def _compared(corpus: Corpus) -> Iterator[Arrays]:
    """Yield the pairs of each comparison: of blocks, tiles, and those that the base has already."""
    plan = corpus.plan
    nothing = np.empty(0, np.int64)
    for block in range(plan.first_block, plan.blocks):
        yield _selected(corpus.records("blocks"), block)
    for number, tiles in enumerate(plan.rounds):
        for step in range(tiles.tiles):
            yield _selected(corpus.records(f"tiles-{number}"), step)
    if plan.options.append and plan.options.pairs_from is not None:
        kept = corpus.base.records("pairs").arrays(0)
        floor = np.float32(plan.options.pairs_from)
        reached = kept["similarity"] >= floor
        yield {
            **{f"pair_{name}": kept[name][reached] for name in PairHits._fields},
            "pair_total": np.array([np.count_nonzero(reached)]),
            "seen": nothing,
        }


def _selected(records: Records, step: int) -> Arrays:
    names = [*(f"pair_{name}" for name in PairHits._fields), "pair_total", "seen"]
    return dict(zip(names, records.select(step, *names), strict=True))


def groups(corpus: Corpus) -> Arrays:
    """Return the groups of near-duplicates of the options, of each document of the answer, by its position."""
    options = corpus.plan.options
    assert options.duplicates is not None
    return regroup(corpus, options.duplicates, options.linkage)


def regroup(corpus: Corpus, threshold: float, linkage: Linkage) -> Arrays:
    """Return groups at another threshold, from the pairs that are kept; nothing is compared again.

    Where not all pairs from `threshold` on could be kept, groups are of those that are. Memory 100 bytes a pair.
    """
    plan = corpus.plan
    kept = PairHits(*corpus.records("pairs").select(0, *PairHits._fields))
    found = group(kept, threshold, linkage, plan.first_document + plan.documents)
    return {
        "representative": found.representative,
        "size": found.size,
        "weakest_link": found.weakest_link,
    }
