"""Workers between calls: what replaces them, what guards them, what they leave behind."""

import json
import multiprocessing
import os
import signal

from service.dispatcher import Dispatcher
from service.limits import PoolLimits
from service.pool import fork_server
from service.worker.process_limits import NICENESS, OOM_SCORE_ADJ
from tests.fakes import PoolRecorder, refuse
from tests.support.event_loop import run
from tests.support.pool import MIB, running_pool


def test_an_idle_worker_that_dies_is_replaced_before_anybody_asks() -> None:
    """Nothing needs to be sent to it to find out."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            os.kill(pool.pids[0], signal.SIGKILL)
            await pool.recorder.until("slot_ended", 0, "crash")
            await pool.all_ready()

            assert (await pool.ask(b"echo x")).attempts == 1

    run(test())


def test_a_worker_that_dies_while_it_starts_is_replaced() -> None:
    """Its slot tries again."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            for _ in range(3):
                os.kill(pool.pids[0], signal.SIGKILL)
                starts = len(pool.recorder.all("slot_changed", 0, "starting"))
                await pool.recorder.until("slot_changed", 0, "starting", times=starts + 1)
                seen = len(pool.recorder.all("slot_ended"))
                while not pool.pids:
                    await pool.recorder.until("loop_lagged", times=len(pool.recorder.all("loop_lagged")) + 1)
                os.kill(pool.pids[0], signal.SIGKILL)
                await pool.recorder.until("slot_ended", times=seen + 1)
                await pool.all_ready()

            assert (await pool.ask(b"echo x")).body == b"x"

    run(test())


def test_an_exit_status_has_one_reader() -> None:
    """multiprocessing, which reads those of its children when it starts another, knows nothing of workers."""

    async def test() -> None:
        async with running_pool(workers=2) as pool:
            assert not set(pool.pids) & {child.pid for child in multiprocessing.active_children()}

    run(test())


def test_the_fork_server_may_die() -> None:
    """Its workers die with it, a new one is started, and the request in hand is run again."""

    async def test() -> None:
        async with running_pool() as pool:
            task = pool.begin(b"sleep 0.2")
            await pool.recorder.until("called")
            before = fork_server.running()

            fork_server.kill()
            outcome = await task
            await pool.all_ready()

            assert outcome.code == "ok"
            assert fork_server.running() != before

    run(test())


def test_a_worker_that_keeps_too_much_memory_is_replaced_between_calls() -> None:
    """Before a request has to pay for it."""

    async def test() -> None:
        async with running_pool(workers=1, worker_memory_bytes=800 * MIB) as pool:
            outcome = await pool.ask(b"keep 610")
            await pool.recorder.until("slot_ended", 0, "recycle")
            await pool.all_ready()

            assert outcome.body == b"kept"
            assert (await pool.ask(b"keep 1")).body == b"kept"

    run(test())


def test_a_worker_is_guarded() -> None:
    """Niceness, memory, no core files, the kernel's preference, signals of the terminal, one BLAS thread."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            told = json.loads((await pool.ask(b"describe")).body)

            assert told["niceness"] == os.nice(0) + NICENESS
            assert told["memory_bytes"] == 512 * MIB
            assert told["core_bytes"] == 0
            assert told["oom_score_adj"] == OOM_SCORE_ADJ
            assert told["blocked"] == ["SIGINT", "SIGTERM"]
            assert told["blas_threads"] == "1"

    run(test())


def test_workers_do_not_gather_open_files() -> None:
    """The tenth has as many as the first."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            counts = []
            for _ in range(5):
                counts.append(json.loads((await pool.ask(b"describe")).body)["open_files"])
                os.kill(pool.pids[0], signal.SIGKILL)
                await pool.recorder.until("slot_ended", times=len(counts))
                await pool.all_ready()

            assert len(set(counts)) == 1

    run(test())


def test_a_handler_that_cannot_be_made_says_why() -> None:
    """The pool does not become ready, tries again with pauses, and can still be drained."""

    async def test() -> None:
        recorder = PoolRecorder()
        dispatcher = Dispatcher(refuse, PoolLimits(workers=1), recorder)
        await dispatcher.start()
        await recorder.until("slot_changed", 0, "backoff")

        assert recorder.all("start_failed", 0, "OSError: no such bundle")
        assert dispatcher.readiness == "starting"
        await dispatcher.drain(1.0)

    run(test())
