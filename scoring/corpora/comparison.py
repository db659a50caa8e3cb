"""What comparing two blocks finds, as the arrays of a record: of arrays alone, for workers with no corpus's folder."""

from typing import NamedTuple

import numpy as np

from scoring.corpora.corpus import Corpus
from scoring.corpora.lists import Hits
from scoring.corpora.records import Arrays
from scoring.corpora.tiles import Block, PairHits, compare


class Comparison(NamedTuple):
    """What is looked for: neighbours of each document, and pairs.

    pairs_from: the similarity from which pairs are counted, kept_from: from which they are kept, too; None and any
    without pairs. new: the similarity from which documents from the position first_document on are like one before.
    """

    neighbours: int
    pairs_from: float | None
    kept_from: float
    new: float | None
    first_document: int

    @classmethod
    def of(cls, corpus: Corpus) -> "Comparison":
        """Return what a corpus that is arranged looks for."""
        options = corpus.plan.options
        kept_from = 0.0 if options.pairs_from is None else float(corpus.arranged("kept_from")[0])
        return cls(options.neighbours, options.pairs_from, kept_from, options.new, corpus.plan.first_document)


def compare_blocks(rows: Block, columns: Block, comparison: Comparison) -> Arrays:
    """Return the arrays of a tile's record."""
    floors = [floor for floor in (comparison.pairs_from, comparison.new) if floor is not None]
    found = compare(rows, columns, comparison.neighbours, min(floors, default=None))
    return {
        **_hit_arrays("row", found.rows),
        **_hit_arrays("column", found.columns),
        **pair_arrays(found.pairs, comparison),
    }


def pair_arrays(pairs: PairHits, comparison: Comparison) -> Arrays:
    """Return the pairs that are kept, how many there would be, and new documents that are like one before."""
    counted, kept = np.zeros(0, np.bool_), pairs
    seen = np.empty(0, np.int64)
    if comparison.pairs_from is not None:
        counted = pairs.similarity >= np.float32(comparison.pairs_from)
        reached = pairs.similarity >= np.float32(comparison.kept_from)
        kept = PairHits(pairs.first[reached], pairs.second[reached], pairs.similarity[reached])
    if comparison.new is not None:
        first_new = comparison.first_document
        like = (pairs.similarity >= np.float32(comparison.new)) & (pairs.first < first_new)
        seen = np.unique(pairs.second[like & (pairs.second >= first_new)])
    return {
        **{f"pair_{name}": column for name, column in kept._asdict().items()},
        "pair_total": np.array([np.count_nonzero(counted)]),
        "seen": seen,
    }


def _hit_arrays(side: str, hits: Hits) -> Arrays:
    return {f"{side}_{name}": column for name, column in hits._asdict().items()}
