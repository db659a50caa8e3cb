"""A job's run: every step is counted once, whatever happens between."""

import asyncio
import errno
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.api.step import StepRequest
from service.jobs import step_calls
from service.jobs.engine import ServedModel, Stage
from service.jobs.errors import StorageError
from service.jobs.record import JobRecord
from service.jobs.run import JobRun
from service.jobs.states import State
from service.scheduling.events import End
from tests.support.job_runs import STAGES, StepEnd, Workshop, done, refused

TOTAL = sum(stage.count for stage in STAGES)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    """Return what a run needs."""
    shop = Workshop(tmp_path / "state")
    yield shop
    shop.close()


def run(work: Coroutine[Any, Any, JobRecord]) -> JobRecord:
    """Return what it returns, in an event loop of its own."""
    return asyncio.run(work)


async def finish(shop: Workshop, record: JobRecord | None = None) -> JobRecord:
    """Run a job to its end; by default a new one."""
    job = JobRun(record or await shop.add(), shop.context)
    await job.run()
    return job.record


def once(*ends: StepEnd) -> Callable[[StepRequest], StepEnd | None]:
    """Return a script in which the first steps end like this, and the others are done."""
    left = list(ends)
    return lambda _: left.pop(0) if left else None


def test_every_step_is_done_once(shop: Workshop) -> None:
    """Stage after stage, some at a time."""
    record = run(finish(shop))

    assert (record.state, record.steps_done, record.tiles_done) == (State.DONE, TOTAL, 12)
    assert shop.events.steps == len(shop.queue.requests) == TOTAL
    assert [request.stage for request in shop.queue.requests] == sorted(r.stage for r in shop.queue.requests)
    assert shop.queue.most == 4
    assert shop.engine.ended == [0, 1, 2]


def test_only_steps_that_embed_are_for_one_model(shop: Workshop) -> None:
    """The others are the same with any."""
    run(finish(shop))

    assert {(r.stage, r.digest) for r in shop.queue.requests} == {(0, "sha256:a"), (1, ""), (2, "")}


@pytest.mark.parametrize("end", [End.CRASHED, End.EXPIRED])
def test_a_step_that_ends_its_worker_is_tried_again(shop: Workshop, end: End) -> None:
    """Fewer times than would say that it is to blame."""
    shop.queue.script = once(*[end] * (step_calls.MAX_CRASHES - 1))

    assert run(finish(shop)).state is State.DONE


def test_a_step_that_ends_every_worker_fails_its_job(shop: Workshop) -> None:
    """In a sentence that names the step."""
    shop.queue.script = lambda request: End.CRASHED if (request.stage, request.step) == (1, 5) else None

    record = run(finish(shop))

    assert record.state is State.FAILED
    assert "step 5 of tiles ended 3 workers" in record.reason


def test_damaged_files_fail_the_job(shop: Workshop) -> None:
    """It cannot be mended by trying again."""
    shop.queue.script = once(refused("damaged"))

    record = run(finish(shop))

    assert (record.state, "damaged" in record.reason) == (State.FAILED, True)


def test_a_worker_without_room_pauses_the_job(shop: Workshop) -> None:
    """Until there is room; what was not counted is done again."""
    shop.queue.script = once(refused("full"))

    record = run(finish(shop))

    assert record.state is State.DONE
    assert shop.events.states == ["queued", "running", "paused", "running", "done"]
    assert shop.events.steps == TOTAL


def test_records_that_cannot_be_synced_are_not_counted(shop: Workshop) -> None:
    """The job is paused, and says why."""

    async def work() -> JobRecord:
        shop.engine.sync_fault = OSError(errno.ENOSPC, "No space left on device")
        job = JobRun(await shop.add(), shop.context)
        task = asyncio.create_task(job.run())
        while job.record.state is not State.PAUSED:
            await shop.registry.change("job", 1.0)
        paused = job.record
        shop.engine.sync_fault = None
        await task
        assert (paused.steps_done, job.record.state) == (0, State.DONE)
        return paused

    assert "No space left" in run(work()).reason


def test_another_model_while_documents_are_embedded_begins_anew(shop: Workshop) -> None:
    """Everything is of the new one, and the job says so."""

    def script(request: StepRequest) -> StepEnd | None:
        if request.stage == 0 and request.step == 5:
            shop.model = ServedModel("sha256:b", 4)
        return refused("model") if request.digest == "sha256:a" and shop.model.digest != "sha256:a" else None

    shop.queue.script = script

    record = run(finish(shop))

    assert (record.state, record.digest, record.dimensions, record.begun) == (State.DONE, "sha256:b", 4, 2)
    assert (shop.events.anew, shop.engine.begun) == (1, 2)
    assert sorted(done(shop.folder.job("job"), 0)) == list(range(7))


def test_a_job_whose_begin_is_not_stored_is_not_begun(shop: Workshop) -> None:
    """Steps that were counted with another model are never taken for this one's."""

    async def work() -> JobRecord:
        shop.queue.held = asyncio.Event()
        job = JobRun(await shop.add(), shop.context)
        task = asyncio.create_task(job.run())
        while shop.queue.running < 4:
            await asyncio.sleep(0)
        await shop.registry.count(job.record, "embed", [0, 1, 2])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        shop.queue.held = None
        shop.model, shop.store.refusals = ServedModel("sha256:b", 3), 2
        return await finish(shop, shop.registry.get("job"))

    record = run(work())

    assert (record.state, record.digest, record.begun) == (State.DONE, "sha256:b", 2)
    assert sorted(done(shop.folder.job("job"), 0)) == list(range(7))


def test_a_job_is_done_only_when_that_is_stored(shop: Workshop) -> None:
    """Until then it is paused, with all of its steps counted."""
    shop.store.refusals = 0

    async def work() -> JobRecord:
        job = JobRun(await shop.add(), shop.context)
        task = asyncio.create_task(job.run())
        while job.record.stage < len(STAGES) - 1:
            await shop.registry.change("job", 1.0)
        shop.store.refusals = 3
        await task
        return job.record

    record = run(work())

    assert (record.state, record.steps_done, shop.events.steps) == (State.DONE, TOTAL, TOTAL)


def test_another_model_later_changes_nothing(shop: Workshop) -> None:
    """The documents are vectors already."""

    def script(request: StepRequest) -> StepEnd | None:
        if request.stage == 1:
            shop.model = ServedModel("sha256:b", 4)
        return None

    shop.queue.script = script

    record = run(finish(shop))

    assert (record.state, record.digest, record.begun) == (State.DONE, "sha256:a", 1)


def test_a_job_is_not_compared_with_vectors_of_another_model(shop: Workshop) -> None:
    """Their numbers mean nothing to each other."""

    async def work() -> JobRecord:
        await finish(shop, await shop.add("base"))
        shop.model = ServedModel("sha256:b", 3)
        return await finish(shop, await shop.add("batch", against="base"))

    record = run(work())

    assert (record.state, record.reason[:8]) == (State.FAILED, "against:")


def test_a_stopped_run_counts_what_was_out(shop: Workshop) -> None:
    """And hands out nothing more."""

    async def work() -> JobRecord:
        shop.queue.held = asyncio.Event()
        job = JobRun(await shop.add(), shop.context)
        task = asyncio.create_task(job.run())
        while shop.queue.running < 4:
            await asyncio.sleep(0)
        job.stop()
        shop.queue.held.set()
        await task
        return job.record

    record = run(work())

    assert (record.state, record.steps_done, len(shop.queue.requests)) == (State.RUNNING, 4, 4)


@settings(max_examples=12)
@given(st.lists(st.integers(1, TOTAL), max_size=3), st.sets(st.integers(0, 11), max_size=3))
def test_a_run_goes_on_where_another_was_cut(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], lost: set[int]
) -> None:
    """However often; and steps whose records a disk has lost are done again."""
    path = tmp_path_factory.mktemp("cut") / "state"
    counted = 0
    for cut in cuts:
        shop = Workshop(path)
        counted = max(counted, asyncio.run(cut_after(shop, cut)))
        shop.close()
    shop = Workshop(path)
    shop.engine.lost = lost

    async def work() -> JobRecord:
        await shop.registry.load()
        return await finish(shop, shop.registry.get("job"))

    record = asyncio.run(work())

    shop.close()
    assert (record.state, record.steps_done, record.begun) == (State.DONE, TOTAL, 1)
    for number, stage in enumerate(STAGES):
        assert set(done(shop.folder.job("job"), number)) == set(range(stage.count))
    assert len(shop.queue.requests) <= TOTAL - counted + len(lost)


async def cut_after(shop: Workshop, steps: int) -> int:
    """Run the job, as a new server would, until so many steps were done, then cut it; return the steps counted."""
    await shop.registry.load()
    record = shop.registry.get("job") or await shop.add()
    job = JobRun(record, shop.context)
    task = asyncio.create_task(job.run())
    while len(shop.queue.requests) < steps and not task.done():
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    found = shop.registry.get("job")
    assert found is not None
    return found.steps_done


def test_other_steps_than_it_was_begun_with_fail_a_job(shop: Workshop) -> None:
    """As after an upgrade: the texts are gone, and records mean something else."""

    async def work() -> JobRecord:
        record = await finish(shop)
        shop.engine.stages = (*STAGES, Stage("more", 1))
        await shop.registry.remove(record)
        await shop.registry.add(replace(record, number=0, state=State.RUNNING, stage=1))
        return await finish(shop, shop.registry.get("job"))

    record = run(work())

    assert (record.state, "other steps" in record.reason) == (State.FAILED, True)


def test_a_failure_that_cannot_be_stored_is_not_another(shop: Workshop) -> None:
    """The job waits for room, and then says why it has failed."""
    shop.queue.script = lambda request: refused("damaged") if request.stage else None
    end = shop.registry.put
    refusals = iter([StorageError("the jobs' database: database or disk is full", full=True)])

    async def put(record: JobRecord) -> JobRecord:
        if record.state is State.FAILED:
            for refusal in refusals:
                raise refusal
        return await end(record)

    shop.registry.put = put  # type: ignore[method-assign]

    record = run(finish(shop))

    assert (record.state, "damaged" in record.reason) == (State.FAILED, True)
    assert shop.events.states[-3:] == ["paused", "running", "failed"]
