"""Workers between calls: when they are replaced, and the limits that they run under."""

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


def test_an_idle_worker_that_dies_is_replaced_at_once() -> None:
    """The death is noticed without a call to it."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            os.kill(pool.pids[0], signal.SIGKILL)
            await pool.recorder.until("slot_ended", 0, "crash")
            await pool.all_ready()

            assert (await pool.ask(b"echo x")).attempts == 1

    run(test())


def test_a_worker_that_dies_while_it_starts_is_replaced() -> None:
    """Its slot starts another worker."""

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
    """Workers are not children of `multiprocessing`, which reads the exit statuses of its own."""

    async def test() -> None:
        async with running_pool(workers=2) as pool:
            assert not set(pool.pids) & {child.pid for child in multiprocessing.active_children()}

    run(test())


def test_the_death_of_the_fork_server_is_survived() -> None:
    """Its workers die too; a new fork server is started, and the running request runs again."""

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
    """It is replaced before a request fails because of it."""

    async def test() -> None:
        async with running_pool(workers=1, worker_memory_bytes=800 * MIB) as pool:
            outcome = await pool.ask(b"keep 610")
            await pool.recorder.until("slot_ended", 0, "recycle")
            await pool.all_ready()

            assert outcome.body == b"kept"
            assert (await pool.ask(b"keep 1")).body == b"kept"

    run(test())


def test_a_worker_runs_under_limits() -> None:
    """They are niceness, memory, no core files, OOM score, blocked terminal signals and one BLAS thread."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            process = json.loads((await pool.ask(b"describe")).body)

            assert process["niceness"] == os.nice(0) + NICENESS
            assert process["memory_bytes"] == 512 * MIB
            assert process["core_bytes"] == 0
            assert process["oom_score_adj"] == OOM_SCORE_ADJ
            assert process["blocked"] == sorted(
                ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"]
            )
            assert process["blas_threads"] == "1"

    run(test())


def test_workers_do_not_accumulate_open_files() -> None:
    """The fifth worker of a slot has as many as the first."""

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


def test_a_handler_that_cannot_be_made_is_reported() -> None:
    """The reason is reported; the pool is not ready, retries with pauses and can be drained."""

    async def test() -> None:
        recorder = PoolRecorder()
        dispatcher = Dispatcher(refuse, PoolLimits(workers=1), recorder)
        await dispatcher.start()
        await recorder.until("slot_changed", 0, "backoff")

        assert recorder.all("start_failed", 0, "OSError: no such bundle")
        assert dispatcher.readiness == "starting"
        await dispatcher.drain(1.0)

    run(test())
