"""The stages and steps of a corpus's work: pure, from a few numbers, light to import.

    embed     a part of the texts → vectors, clusters                          a step a part
    arrange   similar documents side by side                                   one long step
    blocks    unit vectors of a block of such documents, compared within       a step a block
    tiles r   two blocks compared; only what the lists of round r − 1 let by   a step a tile
    merge r   the lists of a block after round r                               a step a block
    settle    with `append`: the lists of the blocks that were there before    a step a block
    pairs     the pairs that tiles found, sorted, at most `max_pairs`          one long step
    groups    groups of near-duplicates                                        one long step
    result    the lines of a part's documents                                  a step a part

Steps of one stage are independent; a stage begins when the one before it has ended. Rounds compare near blocks first:
round by round the blocks compared so far are twice as many or more, and the lists, so the thresholds, are better.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, product
from typing import Literal, NamedTuple

import msgspec

from scoring.corpora.options import CorpusOptions
from scoring.similarity.block_products import BLOCK_ROWS

# Documents of a block are so many times 512, the rows of a product: three at 100 dimensions, where a tile of two blocks
# takes about 9 ms of one core. Larger tiles have less overhead, but requests beside a job wait for one to end.
_MOST_PRODUCTS = 3
# A comparison of products with thresholds takes as long as this many dimensions of the product.
_SELECTION_DIMENSIONS = 40
# Levels of the tree of blocks whose tiles make one round: (first, last). Above, groups of 2⁹ blocks are compared two by
# two, so that no merge reads more than 512 tiles.
_LEVELS = ((0, 1), (2, 3), (4, 5), (6, 7), (8, 8))
_GROUP_LEVEL = 9

StageName = Literal["embed", "arrange", "blocks", "tiles", "merge", "settle", "pairs", "groups", "result"]


class Stage(msgspec.Struct, frozen=True):
    """`count` independent steps, 0 to count − 1. round: of tiles and merges. long: seconds, not milliseconds.

    A long step needs no scorer and belongs into a process of its own, at low priority.
    """

    name: StageName
    count: int
    round: int = 0
    long: bool = False


class Base(msgspec.Struct, frozen=True):
    """The finished corpus that another is compared with or added to, in numbers.

    neighbours: of its lists, 0 without. pairs_from: the least cosine of the pairs that it keeps, all of which it has.
    """

    documents: int
    parts: int
    blocks: int
    block_documents: int
    dimensions: int
    generation: int
    neighbours: int
    pairs_from: float | None


class Rectangle(NamedTuple):
    """The tiles of blocks [top, bottom) with blocks [left, right); no block is in both."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def tiles(self) -> int:
        """How many tiles there are."""
        return (self.bottom - self.top) * (self.right - self.left)


class TileSide(NamedTuple):
    """A tile, by its step, and whether a block is its rows or its columns."""

    step: int
    rows: bool


class Round:
    """The tiles of one round, numbered through its rectangles, row by row."""

    def __init__(self, rectangles: tuple[Rectangle, ...]) -> None:
        self._rectangles = rectangles
        self._starts = list(accumulate((rectangle.tiles for rectangle in rectangles), initial=0))
        self.tiles = self._starts.pop()

    def tile(self, step: int) -> tuple[int, int]:
        """Return the blocks, rows and columns, of a tile."""
        number = bisect_right(self._starts, step) - 1
        top, _, left, right = self._rectangles[number]
        row, column = divmod(step - self._starts[number], right - left)
        return top + row, left + column

    def squares(self, side: int) -> Iterator[list[int]]:
        """Yield all steps, in squares of up to side × side tiles: those of one need few blocks for many tiles."""
        for start, (top, bottom, left, right) in zip(self._starts, self._rectangles, strict=True):
            width = right - left
            for first, row in product(range(0, width, side), range(0, bottom - top, side)):
                rows = range(row, min(row + side, bottom - top))
                columns = range(first, min(first + side, width))
                yield [start + line * width + column for line in rows for column in columns]

    def tiles_of(self, block: int) -> Iterator[TileSide]:
        """Yield the tiles that a block is in."""
        for start, (top, bottom, left, right) in zip(self._starts, self._rectangles, strict=True):
            width = right - left
            if top <= block < bottom:
                first = start + (block - top) * width
                yield from (TileSide(step, rows=True) for step in range(first, first + width))
            elif left <= block < right:
                first = start + block - left
                yield from (
                    TileSide(step, rows=False) for step in range(first, start + (bottom - top) * width, width)
                )


class Plan(msgspec.Struct, frozen=True):
    """Everything that decides which steps there are. parts, documents: without those of `base`."""

    documents: int
    parts: int
    dimensions: int
    options: CorpusOptions
    base: Base | None = None
    block_documents: int = BLOCK_ROWS

    @classmethod
    def of(
        cls,
        documents: int,
        dimensions: int,
        options: CorpusOptions,
        *,
        parts: int,
        base: Base | None = None,
    ) -> "Plan":
        """Return the plan for `documents` ≥ 1 in `parts` (`documents.DocumentsWriter`), with vectors (d,).

        base: of `options.against` (`folder.base_of`). Raises: ValueError, in one sentence, when they do not fit.
        """
        if (options.against is None) != (base is None):
            raise ValueError("against: the corpus to compare with and its sizes go together")
        if base is not None:
            _check_base(base, dimensions, options)
        size = block_size(dimensions) if base is None else base.block_documents
        return cls(documents, parts, dimensions, options, base, size)

    @property
    def first_block(self) -> int:
        """The number of the first block of new documents; those before are of the base."""
        return 0 if self.base is None else self.base.blocks

    @property
    def blocks(self) -> int:
        """How many blocks there are, with those of the base."""
        return self.first_block - (-self.documents // self.block_documents)

    @property
    def first_document(self) -> int:
        """The position of the first new document."""
        return 0 if self.base is None else self.base.documents

    @property
    def first_part(self) -> int:
        """The number of the first new part."""
        return 0 if self.base is None else self.base.parts

    @property
    def answered_parts(self) -> range:
        """The parts whose documents are in the answer: all with `append`, otherwise the new ones."""
        return range(0 if self.options.append else self.first_part, self.first_part + self.parts)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All stages, in their order; those without steps are left out."""
        return _stages(self)

    @property
    def rounds(self) -> tuple[Round, ...]:
        """The rounds of tiles, in their order."""
        return _rounds(self)

    @property
    def tiles(self) -> int:
        """How many steps the tiles' stages have, the comparisons within blocks included."""
        return sum(stage.count for stage in self.stages if stage.name in {"blocks", "tiles"})


def block_size(dimensions: int) -> int:
    """Return how many documents a block has, so that a tile of vectors (d,) takes less than 20 ms of one core."""
    cost = (dimensions + _SELECTION_DIMENSIONS) / (100 + _SELECTION_DIMENSIONS)
    return BLOCK_ROWS * min(_MOST_PRODUCTS, max(1, round(_MOST_PRODUCTS / math.sqrt(cost))))


def _check_base(base: Base, dimensions: int, options: CorpusOptions) -> None:
    if base.dimensions != dimensions:
        raise ValueError(
            f"against: its vectors have {base.dimensions} dimensions and those of this model {dimensions};"
            " compare with the model that it was scored with"
        )
    if options.append and options.similarity == "neighbours" and options.neighbours > base.neighbours:
        raise ValueError(
            f"neighbours: {options.neighbours} asked, the corpus that is added to has lists of {base.neighbours};"
            " ask for no more"
        )
    least = options.pairs_from
    if options.append and least is not None and (base.pairs_from is None or base.pairs_from > least):
        has = "no pairs" if base.pairs_from is None else f"pairs from {base.pairs_from:g} on"
        raise ValueError(
            f"append: pairs from {least:g} on are needed, the corpus that is added to has {has}; score it anew"
        )


@lru_cache(maxsize=16)
def _stages(plan: Plan) -> tuple[Stage, ...]:
    options, new_blocks = plan.options, plan.blocks - plan.first_block
    stages = [Stage("embed", plan.parts)]
    if options.compares:
        stages += [Stage("arrange", 1, long=True), Stage("blocks", new_blocks)]
        for number, tiles in enumerate(plan.rounds):
            stages.append(Stage("tiles", tiles.tiles, number))
            if options.similarity == "neighbours":
                stages.append(Stage("merge", new_blocks, number))
        if options.append and options.similarity == "neighbours":
            stages.append(Stage("settle", plan.first_block))
    if options.pairs_from is not None or options.new is not None:
        stages.append(Stage("pairs", 1, long=True))
    if options.duplicates is not None:
        stages.append(Stage("groups", 1, long=True))
    stages.append(Stage("result", len(plan.answered_parts)))
    return tuple(stage for stage in stages if stage.count)


@lru_cache(maxsize=16)
def _rounds(plan: Plan) -> tuple[Round, ...]:
    within = plan.base is None or plan.options.append
    rounds = [*_with_base(plan), *(_among(plan.first_block, plan.blocks) if within else [])]
    if plan.options.similarity != "neighbours":
        # Nothing is thinned, so nothing has to wait.
        rounds = [[rectangle for rectangles in rounds for rectangle in rectangles]]
    return tuple(Round(tuple(rectangles)) for rectangles in rounds if rectangles)


def _with_base(plan: Plan) -> Iterator[list[Rectangle]]:
    """Yield the rounds of the new blocks with those of the base: few at first, 256 of the base at most."""
    left, width = 0, 1
    while left < plan.first_block:
        right = min(left + width, plan.first_block)
        yield [Rectangle(plan.first_block, plan.blocks, left, right)]
        left, width = right, min(4 * width, 256)


def _among(first: int, stop: int) -> Iterator[list[Rectangle]]:
    """Yield the rounds of blocks [first, stop) with one another: neighbours in a binary tree of blocks first."""
    for lowest, highest in _LEVELS:
        levels = range(lowest, highest + 1)
        yield [pair for level in levels for pair in _node_pairs(first, stop, level, 1)]
    groups = -(-(stop - first) // (1 << _GROUP_LEVEL))
    for distance in range(1, 1 << max(0, groups - 1).bit_length()):
        yield _node_pairs(first, stop, _GROUP_LEVEL, distance)


def _node_pairs(first: int, stop: int, level: int, distance: int) -> list[Rectangle]:
    """Return the tiles of nodes (2^level blocks each) whose numbers differ by an exclusive or with `distance`."""
    size = 1 << level
    nodes = -(-(stop - first) // size)
    starts = range(first, stop, size)
    return [
        Rectangle(starts[node], starts[node] + size, starts[other], min(starts[other] + size, stop))
        for node in range(nodes)
        if node < (other := node ^ distance) < nodes
    ]
