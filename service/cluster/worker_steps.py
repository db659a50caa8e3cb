"""What runs in workers: arrays in, payloads of steps' records out. Nothing here reads or writes a corpus's folder."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.corpora.comparison import Comparison, compare_blocks
from scoring.corpora.records import pack
from scoring.corpora.steps import embed_texts
from scoring.corpora.tiles import Block
from service.cluster.bundle_store import BundleSource, scorer_of


class Part(NamedTuple):
    """A part of a corpus: the position of its first document, and the texts."""

    first: int
    texts: list[str]


class Bounds(NamedTuple):
    """What the lists of a block let by, (b,) each; None where they are not wanted (`tiles.Block`)."""

    similarities: NDArray[np.float32] | None
    positions: NDArray[np.int64] | None


def embed_parts(source: BundleSource, parts: Sequence[Part]) -> list[bytes]:
    """Return the payload of each part's record. Raises: BundleMissing, when this worker needs the bundle first."""
    scorer = scorer_of(source)
    return [pack(embed_texts(scorer, part.first, part.texts)) for part in parts]


def compare_tiles(
    tiles: Sequence[tuple[int, int]], bounds: Sequence[Bounds], comparison: Comparison, *blocks: Block
) -> list[bytes]:
    """Return the payload of each tile's record; a tile is the numbers, in `blocks`, of its rows and columns."""
    listed = [
        # As they arrive their numbers may begin at any byte, and products of such arrays take twice as long.
        Block(np.require(block.units, requirements="A"), block.positions, *bound)
        for block, bound in zip(blocks, bounds, strict=True)
    ]
    return [pack(compare_blocks(listed[row], listed[column], comparison)) for row, column in tiles]
