"""One stage of a corpus on the cluster: its steps in tasks of several, some tasks at a time, each step's record kept.

    steps ─→ tasks ─→ at most two a thread on the cluster ─→ payloads ─→ records in the folder ─→ done(step, output)

Memory is that of the tasks that are out, whatever the number of steps.
"""

import asyncio
from collections.abc import Callable, Container, Coroutine, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from scoring.bundle.files import BundleFiles
from scoring.corpora.comparison import Comparison
from scoring.corpora.corpus import Corpus
from scoring.corpora.documents import read_texts
from scoring.corpora.folder import first_step
from scoring.corpora.records import StepOutput
from scoring.corpora.steps import keep_step
from scoring.corpora.tiles import Block
from service.cluster.bundle_delivery import BundleDelivery
from service.cluster.connection import Cluster
from service.cluster.errors import BundleMissing
from service.cluster.held import HeldBlocks
from service.cluster.worker_steps import Bounds, Part, compare_tiles, embed_parts

#: The stages whose work grows fastest; the others are done beside the folder.
STAGES = frozenset({"embed", "tiles"})

#: Parts of a task, and the side of its square of tiles. A task costs the scheduler and the client some milliseconds
#: (`python -m bench corpora_cluster`), which are little beside 64 tiles of 12 ms. These need 16 blocks, 10 MB at 100
#: dimensions, most of which are on the worker already.
TASK_PARTS, TASK_SIDE = 8, 8

# Tasks that are out for each thread: one runs, one waits at the worker for its blocks.
_TASKS_A_THREAD = 2
# The share of the cluster's memory that held blocks take at most; more than one worker may hold the same.
_HELD_SHARE = 1 / 8
_FEWEST_HELD = 64

Done = Callable[[int, StepOutput], None]


class StageRunner:
    """Carries out stages of one corpus."""

    def __init__(self, cluster: Cluster, folder: Path, files: BundleFiles, *, side: int = TASK_SIDE) -> None:
        """Use a cluster for the corpus in `folder`, whose bundle's open files the caller holds.

        side: of a task's square of tiles.
        """
        self._cluster, self._folder, self._side = cluster, folder, side
        self._corpus = Corpus(folder)
        self._delivery = BundleDelivery(cluster, files)
        plan = self._corpus.plan
        block_bytes = 4 * plan.dimensions * plan.block_documents
        most = max(_FEWEST_HELD, int(cluster.memory * _HELD_SHARE) // block_bytes)
        # Held from round to round.
        self._blocks = HeldBlocks(self._corpus.block, most)

    async def run(self, stage: int, skip: Container[int], done: Done) -> None:
        """Do the steps of a stage in `STAGES` but those to skip; `done` is called, on this loop, for each.

        Records are not synced. Raises: ClusterError; OSError, when this machine's disk is full; CorpusError.
        """
        plan = self._corpus.plan
        if plan.stages[stage].name == "embed":
            work: _Embedding | _Comparison = _Embedding(self._folder, stage, self._delivery, self._cluster)
        else:
            work = _Comparison(self._corpus, stage, self._cluster, self._blocks)
        tasks = ([step for step in task if step not in skip] for task in work.tasks(self._side))
        await self._run_all(lambda steps: self._run_one(work, stage, steps, done), tasks)

    async def _run_one(
        self, work: "_Embedding | _Comparison", stage: int, steps: list[int], done: Done
    ) -> None:
        """Keep what one task returns."""
        for step, payload in zip(steps, await work.payloads(steps), strict=True):
            done(step, await asyncio.to_thread(self._keep, stage, step, payload))

    def _keep(self, stage: int, step: int, payload: bytes) -> StepOutput:
        plan = self._corpus.plan
        found = plan.stages[stage]
        return keep_step(self._corpus, found, first_step(plan, found) + step, payload)

    async def _run_all(
        self, run: Callable[[list[int]], Coroutine[Any, Any, None]], tasks: Iterable[list[int]]
    ) -> None:
        """Run tasks, some at a time, while the cluster is there. Raises: what the first that failed raised."""
        try:
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(self._cluster.watch())
                running: set[asyncio.Task[None]] = set()
                for steps in filter(None, tasks):
                    running.add(group.create_task(run(steps)))
                    while len(running) >= max(1, self._cluster.threads) * _TASKS_A_THREAD:
                        _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                if running:
                    await asyncio.wait(running)
                watch.cancel()
        except BaseExceptionGroup as faults:
            raise faults.exceptions[0] from None


class _Embedding:
    """The stage `embed`."""

    def __init__(self, folder: Path, stage: int, delivery: BundleDelivery, cluster: Cluster) -> None:
        plan = Corpus(folder).plan
        self._folder, self._delivery, self._cluster = folder, delivery, cluster
        self._first, self._count = first_step(plan, plan.stages[stage]), plan.stages[stage].count

    def tasks(self, _: int) -> Iterator[list[int]]:
        """Yield the steps of each task."""
        steps = iter(range(self._count))
        while task := list(islice(steps, TASK_PARTS)):
            yield task

    async def payloads(self, steps: list[int]) -> list[bytes]:
        """Return the payload of each step."""
        parts = await asyncio.to_thread(self._parts, steps)
        while True:
            try:
                payloads: list[bytes] = await self._cluster.call(embed_parts, self._delivery.source, parts)
            except BundleMissing as missing:
                await self._delivery.deliver(missing.worker)
            else:
                return payloads

    def _parts(self, steps: list[int]) -> list[Part]:
        return [Part(*read_texts(self._folder, self._first + step)) for step in steps]


class _Comparison:
    """The stage of one round's tiles."""

    def __init__(self, corpus: Corpus, stage: int, cluster: Cluster, blocks: HeldBlocks) -> None:
        self._corpus, self._cluster, self._blocks = corpus, cluster, blocks
        self._round_number = corpus.plan.stages[stage].round
        self._round = corpus.plan.rounds[self._round_number]
        # 18 KB a block.
        self._bounds = lru_cache(maxsize=2_048)(self._read_bounds)

    def tasks(self, side: int) -> Iterator[list[int]]:
        """Yield the steps of each task."""
        return self._round.squares(side)

    async def payloads(self, steps: list[int]) -> list[bytes]:
        """Return the payload of each step."""
        tiles = [self._round.tile(step) for step in steps]
        numbers = sorted({number for tile in tiles for number in tile})
        places = {number: place for place, number in enumerate(numbers)}
        bounds = await asyncio.to_thread(lambda: [self._bounds(number) for number in numbers])
        payloads: list[bytes] = await self._cluster.call(
            compare_tiles,
            [(places[row], places[column]) for row, column in tiles],
            bounds,
            Comparison.of(self._corpus),
            *[self._blocks.block(number) for number in numbers],
        )
        return payloads

    def _read_bounds(self, number: int) -> Bounds:
        block: Block = self._corpus.listed_block(number, self._round_number)
        return Bounds(block.bounds, block.last)
