"""What the stages of a corpus left, by block: where it is depends on the round and on the corpus it was added to."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.corpora.folder import plan_of
from scoring.corpora.lists import Lists
from scoring.corpora.plan import Plan
from scoring.corpora.records import Records
from scoring.corpora.tiles import Block

_LISTS = ("list_positions", "list_similarities")


class Corpus:
    """The records of one folder; nothing is kept, so memory is what is returned."""

    def __init__(self, folder: Path) -> None:
        """Read the plan. Raises: CorpusError when there is none."""
        self.folder = folder
        self.plan: Plan = plan_of(folder)

    @cached_property
    def base(self) -> "Corpus":
        """The finished corpus that this one is compared with."""
        assert self.plan.options.against is not None
        return Corpus(Path(self.plan.options.against))

    def records(self, name: str) -> Records:
        """Return the records of a stage by its folder's name."""
        return Records(self.folder / name)

    def block(self, number: int) -> Block:
        """Return the documents of a block, without lists."""
        if self._is_of_base(number) and not self.plan.options.append:
            return self.base.block(number)
        units, positions = self.records("blocks").select(number, "units", "positions")
        return Block(units, positions)

    def listed_block(self, number: int, before: int) -> Block:
        """Return a block and what its lists let by in round `before`; a base that is not added to has no lists."""
        block = self.block(number)
        if self.plan.options.similarity != "neighbours" or (
            self._is_of_base(number) and not self.plan.options.append
        ):
            return block
        if self._is_of_base(number):
            return block.with_lists(self.lists(number, before))
        # A tile needs the last of each list alone, a tenth of what the lists are.
        bounds, last = self._before(before).select(number, "list_bounds", "list_last")
        return Block(block.units, block.positions, bounds, last)

    def lists(self, number: int, before: int) -> Lists:
        """Return the lists of a block as they are before round `before`."""
        m = self.plan.options.neighbours
        if self._is_of_base(number):
            return self.base.final_lists(number).shortened(m)
        return Lists(*self._before(before).select(number, *_LISTS))

    def final_lists(self, number: int) -> Lists:
        """Return the lists of a block when all is done."""
        return Lists(*self._final(number).select(number, *_LISTS))

    def final_rows(self, number: int, rows: NDArray[np.int64]) -> Lists:
        """Return some of the lists of a block when all is done; no more is read."""
        return Lists(*self._final(number).some_rows(number, rows, *_LISTS))

    def _final(self, number: int) -> Records:
        return self.records("settle") if self._is_of_base(number) else self._before(len(self.plan.rounds))

    def _before(self, round_: int) -> Records:
        return self.records(f"merge-{round_ - 1}" if round_ else "blocks")

    def arranged(self, name: str) -> NDArray[Any]:
        """Return an array of the stage `arrange`."""
        (array,) = self.records("arrange").select(0, name)
        return array

    def _is_of_base(self, number: int) -> bool:
        return number < self.plan.first_block
