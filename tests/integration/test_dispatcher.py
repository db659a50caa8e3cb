"""The dispatcher with real workers: batches, disconnects, deadlines, full queues, drains."""

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import uvloop

from scoring.bundle.files import opened_files
from service.api.outcome import Outcome
from service.errors import Refused
from service.ipc.bundle_handle import BundleHandle
from service.limits import RequestLimits
from service.observability.status import SlotSnapshot
from service.scorers.handler import ScorerSource
from service.scorers.reference import DOCUMENTS
from tests.support.event_loop import run
from tests.support.pool import MIB, RunningPool, running_pool


async def fill(pool: RunningPool, seconds: float = 30.0) -> "asyncio.Task[Any]":
    """Keep the only worker busy; return the task to cancel."""
    task = pool.begin(b"sleep %f" % seconds)
    await pool.recorder.until("called")
    return task


def test_small_waiting_requests_share_a_call() -> None:
    """Each of them gets its own answer."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            await fill(pool, 0.1)
            tasks = [pool.begin(b"echo %d" % number) for number in range(8)]

            answers = [(await task).body for task in tasks]

            assert answers == [b"%d" % number for number in range(8)]
            assert pool.recorder.all("called", 0, 8)

    run(test())


def test_a_queued_request_whose_client_disconnects_is_not_started() -> None:
    """It is removed from the queue and reported as `client_closed`."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            first = await fill(pool, 0.2)
            waiting = pool.begin(b"echo never")
            await asyncio.sleep(0)
            before = pool.dispatcher.snapshot().jobs

            waiting.cancel()
            await asyncio.wait([waiting])
            await first

            assert (before, pool.dispatcher.snapshot().jobs) == (1, 0)
            assert len(pool.recorder.all("called")) == 1
            assert pool.recorder.all("finished", "client_closed")

    run(test())


def test_a_running_call_whose_client_disconnects_frees_the_slot() -> None:
    """The worker is replaced, because its call does not end by itself."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            task = await fill(pool)

            task.cancel()
            await asyncio.wait([task])
            await pool.recorder.until("slot_ended", 0, "cancelled")
            await pool.all_ready()

            assert (await pool.ask(b"echo next")).body == b"next"

    run(test())


def test_a_cancelled_request_gives_back_its_permit() -> None:
    """A drain does not wait for cancelled requests, whether they waited or ran."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            running_call = await fill(pool)
            waiting = pool.begin(b"echo x")
            await asyncio.sleep(0)
            for task in (waiting, running_call):
                task.cancel()
            await asyncio.wait([waiting, running_call])

            await asyncio.wait_for(pool.dispatcher.drain(30.0), 10.0)

    run(test())


def test_a_request_that_expires_in_the_queue_is_not_started() -> None:
    """It ends at its deadline, without a call."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            first = await fill(pool, 0.5)

            outcome = await pool.ask(b"echo late", timeout=0.1)
            await first

            assert (outcome.code, outcome.attempts, outcome.slot) == ("deadline_exceeded", 0, None)
            assert len(pool.recorder.all("called")) == 1

    run(test())


def test_a_request_that_hangs_does_not_delay_its_batch() -> None:
    """The others run again, each alone, long before the deadline."""

    async def test() -> None:
        async with running_pool(workers=2) as pool:
            blockers = [await fill(pool, 0.2), pool.begin(b"sleep 0.2")]
            await pool.recorder.until("called", times=2)
            hanging = pool.begin(b"hang", timeout=3.0)
            mates = [pool.begin(b"echo %d" % number) for number in range(3)]

            codes = [(await mate).code for mate in mates]

            assert codes == ["ok", "ok", "ok"]
            assert not hanging.done()
            assert (await hanging).code == "deadline_exceeded"
            await asyncio.wait(blockers)

    run(test())


def test_a_full_queue_refuses_requests() -> None:
    """The refusal has a Retry-After and is reported."""

    async def test() -> None:
        async with running_pool(workers=1, queue_budget_s=0) as pool:
            first = await fill(pool, 0.3)
            # While the first one is expected to end later the queue is full of it, and then of one that waits.
            while not pool.dispatcher.snapshot().jobs:
                await asyncio.wait([pool.begin(b"echo x")], timeout=0.001)

            with pytest.raises(Refused) as refusal:
                await pool.ask(b"echo y")

            assert refusal.value.code == "overloaded"
            assert refusal.value.retry_after is not None
            assert pool.recorder.all("refused", "overloaded")
            await first

    run(test())


def words(n_words: int, seed: int) -> str:
    """Make words of seven letters that no model knows."""
    random = Random(seed)
    return " ".join("".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(n_words))


def test_a_light_subject_is_answered_before_heavy_ones_that_came_first() -> None:
    """Though each of them is as new: it waits for those that run, not for those that wait."""

    async def test() -> None:
        async with running_pool(workers=2) as pool:
            heavy = [
                pool.begin(f"sleep 0.05\n{words(5_000, number)}".encode(), subject=f"heavy {number}")
                for number in range(20)
            ]
            await pool.recorder.until("called", times=2)

            light = pool.begin(b"echo light", subject="light")
            await asyncio.wait([light, *heavy])

            answered = [event[2] for event in pool.recorder.all("finished", "ok")]
            assert len(answered) == 21
            assert answered.index("light") <= 4

    run(test())


def test_what_one_subject_takes_does_not_have_others_refused(demo_bundle: Path) -> None:
    """After a load of unknown words, bodies that a worker refuses at once come in as before."""
    request = b'{"documents": ["%s"]}'

    async def test() -> None:
        handlers = ScorerSource(DOCUMENTS, (BundleHandle(files), RequestLimits()))
        async with running_pool(handlers, workers=1, queue_budget_s=1) as pool:
            for number in range(20):
                await pool.ask(request % words(12_000, number).encode(), subject="expensive")

            refused = [pool.begin(b"[" * 4 * MIB, subject="cheap") for _ in range(20)]
            light = pool.begin(request % b"storm", subject="light")
            codes = {await code_of(task) for task in refused}

            assert codes == {"invalid_json"}
            assert await code_of(light) == "ok"

    with opened_files(demo_bundle) as files:
        run(test())


def test_a_drain_finishes_what_is_in_hand_and_takes_no_more() -> None:
    """Running and waiting requests are answered before it ends."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            tasks = [pool.begin(b"sleep 0.1\n%d" % number) for number in range(4)]
            await pool.recorder.until("called")
            drain = asyncio.create_task(pool.dispatcher.drain(30.0))
            await asyncio.sleep(0)

            with pytest.raises(Refused) as refusal:
                await pool.ask(b"echo late")
            await drain

            assert refusal.value.code == "draining"
            assert [task.result().code for task in tasks] == ["ok"] * 4
            assert pool.dispatcher.readiness == "draining"

    run(test())


def test_a_drain_ends_after_its_timeout() -> None:
    """Unfinished requests end as `draining`, and every worker is ended."""

    async def test() -> None:
        async with running_pool(workers=2) as pool:
            tasks = [pool.begin(body) for body in (b"hold_gil", b"sleep 60", b"echo waits")]
            await pool.recorder.until("called", times=2)

            await pool.dispatcher.drain(0.2)

            assert {(await task).code for task in tasks} == {"draining"}
            assert pool.pids == []

    run(test())


def test_a_request_admitted_before_the_drain_is_refused_after_it() -> None:
    """Its body took longer to read than the drain."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            deadline = time.monotonic() + 30
            with pool.dispatcher.admit("slow", 10, deadline):
                await pool.dispatcher.drain(0.1)
                task = pool.begin(b"echo x")
                await asyncio.wait([task])

            assert isinstance(task.exception(), Refused)

    run(test())


def test_an_announced_drain_ends_readiness_but_not_service() -> None:
    """Load balancers need time to notice that the server is not ready."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            before = pool.dispatcher.readiness

            pool.dispatcher.announce_drain()

            assert (before, pool.dispatcher.readiness) == (None, "draining")
            assert (await pool.ask(b"echo x")).code == "ok"

    run(test())


def test_the_snapshot_shows_slots_and_queue() -> None:
    """The status page and the gauges read it."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            task = await fill(pool, 0.2)
            waiting = pool.begin(b"echo x", subject="other")
            await asyncio.sleep(0)

            snapshot = pool.dispatcher.snapshot()

            assert snapshot.slots == (SlotSnapshot(0, pool.pids[0], "busy", 1, 0, 0, "sha256:fake"),)
            assert (snapshot.jobs, snapshot.subjects) == (1, 1)
            assert snapshot.cost_s > 0
            await asyncio.wait([task, waiting])

    run(test())


# Audit events of calls that can block, without the one in which the event loop itself waits.
BLOCKING = {"open", "time.sleep", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.listdir"}


@contextmanager
def blocking_calls(thread: int) -> Iterator[list[str]]:
    """Collect every call of one thread that can block. An audit hook stays; it is switched off at the end."""
    seen: list[str] = []
    active = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if active and event in BLOCKING and threading.get_ident() == thread:
            seen.append(f"{event} {arguments[:1]}")

    sys.addaudithook(hook)
    yield seen
    active = False


def test_a_request_makes_no_blocking_call_on_the_event_loop() -> None:
    """This holds for a small and a large body, a crash and a deadline."""

    async def test() -> None:
        async with running_pool(workers=2) as pool:
            with blocking_calls(threading.get_ident()) as seen:
                await pool.ask(b"echo x")
                await pool.ask(b"answer_of 5000000\n" + bytes(5_000_000))
                await pool.ask(b"segfault")
                await pool.all_ready()
                await pool.ask(b"hang", timeout=0.1)
                await pool.recorder.until("slot_ended", times=3)
                await pool.all_ready()

        assert seen == []

    run(test())


def test_deadlines_of_under_a_millisecond_end_their_requests() -> None:
    """uvloop, the event loop of the server, treats timers of under half a millisecond differently."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            codes = set()
            for step in range(40):
                near = [pool.begin(b"sleep 0.001", timeout=1e-4 * (step % 8 + each)) for each in (1, 2)]
                codes |= {await code_of(task) for task in near}

            assert codes <= {"ok", "deadline_exceeded", "overloaded"}

    uvloop.run(test())


async def code_of(task: "asyncio.Task[Outcome]") -> str:
    """Return the code of a request's outcome or refusal."""
    try:
        return (await task).code
    except Refused as refused:
        return refused.code
