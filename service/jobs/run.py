"""One job from where it is to its end: stage after stage, each step once, over pauses and changes of the model.

    begin, or resume ─→ stage 0 ─→ stage 1 ─→ … ─→ done
       ↑      ↑            │ the disk is full ─→ paused, until there is room
       │      └────────────┤
       └───────────────────┘ another model is served while documents are embedded: that is begun anew

Once its documents are embedded a job needs no model, and goes on whatever is served.

A step is handed out when it is not counted, and counted when its record is on disk (`commits`).
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import TypeVar

from scoring.errors import ScoringError
from service.api.job import Findings
from service.api.step import StepDone
from service.jobs.cluster_stages import STAGES as CLUSTER_STAGES
from service.jobs.cluster_stages import ClusterStages
from service.jobs.commits import Commits
from service.jobs.engine import Engine, ServedModel, Sizes, Stage, Work
from service.jobs.errors import JobFailed, ModelChanged, StorageError
from service.jobs.long_steps import LongSteps
from service.jobs.record import JobRecord, Pace
from service.jobs.registry import Registry
from service.jobs.state_folder import StateFolder, reported, size_of
from service.jobs.states import State
from service.jobs.step_calls import StepCalls, StepQueue, Stopping
from service.pool.daemon_threads import run_blocking

# How often a paused job looks whether it can go on.
RETRY_S = 2.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunContext:
    """What the runs of all jobs share.

    hands: steps of a job that are handed out at once. now: the time of day, in seconds since 1970. cluster: None
    without one.
    """

    registry: Registry
    folder: StateFolder
    engine: Engine
    queue: StepQueue
    long_steps: LongSteps
    model: Callable[[], ServedModel]
    hands: int
    now: Callable[[], float]
    cluster: ClusterStages | None = None
    retry_s: float = RETRY_S


class JobRun:
    """The run of one job. record: what has become of it."""

    def __init__(self, record: JobRecord, context: RunContext) -> None:
        self.record = record
        self._context = context
        self._folder = context.folder.job(record.id)
        self._stopping = False
        self._began, self._steps_before = monotonic(), record.steps_done

    def stop(self) -> None:
        """Hand out no more steps: `run` ends when those that are out have ended and are counted."""
        self._stopping = True

    @property
    def pace(self) -> Pace | None:
        """How quickly it goes, None while that is not known."""
        done = self.record.steps_done - self._steps_before
        if self.record.state is not State.RUNNING or done <= 0:
            return None
        rate = done / max(1e-3, monotonic() - self._began)
        return Pace(rate, (self.record.steps_total - self.record.steps_done) / rate)

    async def run(self) -> None:
        """Bring the job to its end; or, when it is stopped, as far as it has come."""
        while not (self.record.state.ended or self._stopping):
            try:
                await self._go_on_or_fail()
            except Stopping:
                return
            except ModelChanged:
                pass  # the next round begins anew
            except StorageError as error:
                await self._pause(error)

    async def fail(self, reason: str) -> None:
        """End the job as failed. Raises: StorageError."""
        await self._end(State.FAILED, reason)

    async def _go_on_or_fail(self) -> None:
        """Do all that is left, or end as failed. Raises: ModelChanged, StorageError, Stopping."""
        try:
            await self._go_on()
        except JobFailed as error:
            await self._end(State.FAILED, str(error))

    async def _go_on(self) -> None:
        """Do all that is left. Raises: JobFailed, ModelChanged, StorageError, Stopping."""
        model = self._context.model()
        embedded = self.record.stage > 0
        dimensions = self.record.dimensions if embedded else model.dimensions
        sizes = Sizes(self.record.documents, self.record.parts, dimensions)
        work = await self._plan(sizes)
        if embedded and self.record.plan != work.fingerprint:
            raise JobFailed(
                "this version of the service does such a job in other steps; send it as a new one"
            )
        if embedded or (self.record.digest, self.record.plan) == (model.digest, work.fingerprint):
            await self._resume(work)
        else:
            await self._begin(work, sizes, model.digest)
        self._began, self._steps_before = monotonic(), self.record.steps_done
        while self.record.stage < len(work.stages):
            await self._do_stage(work, work.stages[self.record.stage])
        found = await self._blocking(partial(self._context.engine.found, self._folder))
        await self._end(State.DONE, found=found)

    async def _plan(self, sizes: Sizes) -> Work:
        try:
            return await self._blocking(partial(self._context.engine.plan, sizes, self.record.options))
        except (ScoringError, ValueError) as error:
            raise JobFailed(str(error)) from error

    async def _begin(self, work: Work, sizes: Sizes, digest: str) -> None:
        """Begin with the first stage, without anything that an earlier begin has left. Raises: JobFailed."""
        context, record = self._context, self.record
        base = context.registry.get(record.options.against) if record.options.against else None
        if base is not None and base.digest != digest:
            raise JobFailed(
                f"against: the documents of {base.id} are vectors of another model, {base.digest}, than the one that "
                f"is served, {digest}; send them as a new job first"
            )
        if record.digest:
            context.registry.begin_anew(record)
        await self._blocking(partial(context.engine.begin, self._folder, sizes, record.options))
        # It is this job's record only once the store has it, without the steps of an earlier begin.
        begun = replace(
            record,
            digest=digest,
            dimensions=sizes.dimensions,
            plan=work.fingerprint,
            begun=record.begun + 1,
            tiles_total=work.tiles,
            steps_total=work.steps,
            started=record.started or context.now(),
        )
        await self._enter(begun, work, 0)

    async def _resume(self, work: Work) -> None:
        """Go on where it was, with the steps that are counted and whose records are whole."""
        stage = self.record.stage
        counted: set[int] = set()
        if stage < len(work.stages):
            counted = await self._context.registry.counted(self.record)
            counted &= await self._blocking(partial(self._context.engine.done_steps, self._folder, stage))
        await self._enter(self.record, work, stage, counted)

    async def _enter(self, record: JobRecord, work: Work, stage: int, steps: Collection[int] = ()) -> None:
        """Be in a stage of which these steps are done. Raises: StorageError, and then nothing has changed."""
        done, tiles = work.done_before(stage)
        current = work.stages[stage] if stage < len(work.stages) else Stage("", 0)
        self.record = await self._context.registry.enter_stage(
            replace(
                record,
                state=State.RUNNING,
                reason="",
                stage=stage,
                stage_name=current.name,
                steps_done=done + len(steps),
                tiles_done=tiles + (len(steps) if current.compares else 0),
                disk_bytes=await self._blocking(partial(size_of, self._folder)),
            ),
            steps,
        )

    async def _do_stage(self, work: Work, stage: Stage) -> None:
        """Do what is left of the stage that the job is in, and enter the next."""
        number = self.record.stage
        counted = await self._context.registry.counted(self.record)
        commits = Commits(self)
        try:
            async with asyncio.TaskGroup() as group:
                if self._context.cluster is not None and stage.name in CLUSTER_STAGES:
                    group.create_task(self._carry_out(self._context.cluster, counted, commits))
                else:
                    todo = (step for step in range(stage.count) if step not in counted)
                    group.create_task(self._hand_out_all(todo, stage, commits))
                group.create_task(commits.run())
        except BaseExceptionGroup as faults:
            # The others have ended because of the first.
            raise faults.exceptions[0] from None
        if self._stopping:
            raise Stopping
        await self._blocking(partial(self._context.engine.end_stage, self._folder, number))
        await self._enter(self.record, work, number + 1)

    async def _carry_out(self, cluster: ClusterStages, counted: set[int], commits: Commits) -> None:
        """Have all steps done on the cluster. Raises: ClusterError, JobFailed, ModelChanged."""
        work = (self._folder, self.record.stage, self.record.digest)
        await cluster.run(work, counted, commits.add, lambda: self._stopping)
        commits.complete()

    async def _hand_out_all(self, todo: Iterator[int], stage: Stage, commits: Commits) -> None:
        """Have steps done, some at a time. Raises: JobFailed, ModelChanged, StorageError, Stopping."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(1 if stage.long else self._context.hands):
                    group.create_task(self._hand_out(todo, stage, commits))
        except BaseExceptionGroup as faults:
            raise faults.exceptions[0] from None
        commits.complete()

    async def _hand_out(self, todo: Iterator[int], stage: Stage, commits: Commits) -> None:
        """Have one step done after the other, and note each for the commit."""
        context, number = self._context, self.record.stage
        digest = self.record.digest if stage.embeds else ""
        calls = StepCalls(context.queue, self.record.subject, str(self._folder), digest)
        for step in todo:
            if self._stopping:
                return
            if stage.long:
                output = await context.long_steps.run(stage.name, self._folder, number, step)
            else:
                output = await calls.run(stage.name, number, step, lambda: context.model().digest)
            commits.add(step, output)

    def sync(self, outputs: Sequence[StepDone]) -> None:
        """Have records on disk; blocks. Raises: StorageError."""
        with reported():
            self._context.engine.sync(self._folder, outputs)
        self._context.folder.check_room()

    async def count(self, steps: Sequence[int]) -> None:
        """Count steps of the stage that the job is in. Raises: StorageError."""
        record = self.record
        tiles = len(steps) if Stage(record.stage_name, 0).compares else 0
        self.record = await self._context.registry.count(
            replace(record, steps_done=record.steps_done + len(steps), tiles_done=record.tiles_done + tiles),
            record.stage_name,
            steps,
        )

    async def _pause(self, error: StorageError) -> None:
        """Wait until there is room; where that is not what was missing, just a moment."""
        reason = f"{error}; the job goes on by itself when that is mended"
        self.record = await self._context.registry.put_if_possible(
            replace(self.record, state=State.PAUSED, reason=reason)
        )
        await asyncio.sleep(self._context.retry_s)
        while not self._stopping:
            try:
                await self._blocking(self._context.folder.check_room)
            except StorageError:
                await asyncio.sleep(self._context.retry_s)
            else:
                return

    async def _end(self, state: State, reason: str = "", found: Findings | None = None) -> None:
        size = await self._blocking(partial(size_of, self._folder))
        ended = replace(
            self.record,
            state=state,
            reason=reason,
            stage_name="",
            found=found,
            disk_bytes=size,
            ended=self._context.now(),
        )
        self.record = await self._context.registry.put(ended)

    async def _blocking(self, call: Callable[[], T]) -> T:
        """Do something that touches the disk beside the loop. Raises: StorageError in place of OSError."""
        with reported():
            return await run_blocking(call)
