"""The pairs of a corpus that are kept: from which cosine on, so that they fit, and in which order; on arrays alone."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.corpora.tiles import PairHits
from scoring.similarity.block_products import BLOCK_ROWS, BlockProducts

#: Documents of a sample by which the number of pairs is estimated: their products take less than a second.
SAMPLED_DOCUMENTS = 16_384
# Twice what may be kept is stored by tiles, so that an estimate that is too low or too high does no harm: the rest is
# dropped when all pairs are known.
_STORED = 2


def choose_floor(
    sample: NDArray[np.float32], others: NDArray[np.float32] | None, floor: float, limit: float
) -> float:
    """Return `floor`, or the higher cosine that about 2·`limit` of the sampled pairs reach if more reach `floor`.

    sample (s, d) and others (t, d): unit vectors that are compared; with None those of the sample with each other.
    limit: pairs of the sample, a share of what may be kept of the whole. Without it a low threshold would fill a disk
    before it was known how many pairs there are. Time O(s·t·d), memory a block and `limit`.
    """
    products = BlockProducts(BLOCK_ROWS)
    room = max(1, int(limit * _STORED))
    # Joined when they have become too many, since joining for each block would copy all of them as often.
    parts, count = [np.empty(0, np.float32)], 0
    for top in range(0, len(sample), BLOCK_ROWS):
        columns = sample[: top + BLOCK_ROWS] if others is None else others
        for left in range(0, len(columns), BLOCK_ROWS):
            block = products.multiply(sample[top : top + BLOCK_ROWS], columns[left : left + BLOCK_ROWS])
            cells = products.reaching(block, np.float32(floor))
            found = block.ravel()[cells]
            if others is None and left == top:
                row, column = np.divmod(cells, block.shape[1])
                found = found[row < column]
            parts.append(found)
            count += len(found)
            if count > 2 * room:
                parts, count = [np.partition(np.concatenate(parts), -room)[-room:]], room
                floor = float(parts[0][0])
    if count > room:
        floor = float(np.partition(np.concatenate(parts), -room)[-room])
    return floor


@dataclass(frozen=True, slots=True)
class KeptPairs:
    """The pairs that are kept, sorted by owner and then the other document.

    kept_from: all pairs of at least this cosine are there and no others.
    """

    pairs: PairHits
    kept_from: float


def keep_pairs(parts: Iterable[PairHits], floor: float, limit: int, *, by_second: bool) -> KeptPairs:
    """Return at most `limit` pairs, those of at least `floor` or of what cosine they fit from on.

    by_second: the second document owns the pair, otherwise the first. parts: pairs of at least `floor` each. Memory 50
    bytes a pair that is kept.
    """
    kept: list[PairHits] = []
    count = 0
    for part in parts:
        some = _reaching(part, floor)
        kept.append(some)
        count += len(some.first)
        if count > 2 * limit:
            kept, floor = _thinned(kept, limit)
            count = len(kept[0].first)
    if count > limit:
        kept, floor = _thinned(kept, limit)
    found = PairHits.concatenate(kept)
    owner, other = (found.second, found.first) if by_second else (found.first, found.second)
    return KeptPairs(_taken(found, np.lexsort((other, owner))), floor)


def _thinned(parts: list[PairHits], limit: int) -> tuple[list[PairHits], float]:
    """Return the most similar pairs, as many as fit without parting equal ones, and their least cosine."""
    pairs = PairHits.concatenate(parts)
    last = np.partition(pairs.similarity, -limit)[-limit]
    floor = last
    if np.count_nonzero(pairs.similarity >= last) > limit:
        floor = np.nextafter(last, np.float32(2))
    return [_reaching(pairs, float(floor))], float(floor)


def _reaching(pairs: PairHits, floor: float) -> PairHits:
    reached = pairs.similarity >= np.float32(floor)
    return pairs if reached.all() else _taken(pairs, np.flatnonzero(reached))


def _taken(pairs: PairHits, rows: NDArray[np.int64]) -> PairHits:
    return PairHits(pairs.first[rows], pairs.second[rows], pairs.similarity[rows])
