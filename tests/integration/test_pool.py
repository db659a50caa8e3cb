"""Real worker processes: what they answer, and what happens to requests when they die."""

import json
import os
import signal

import pytest

from service.api.outcome import Facts
from service.errors import Refused
from service.pool.backoff import FREE_DEATHS
from service.scheduling.scheduler import MAX_LOSSES
from tests.support.event_loop import run
from tests.support.pool import MIB, running_pool


def test_a_request_is_answered_by_a_worker() -> None:
    """The outcome has the answer, its facts, the slot and the times."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            outcome = await pool.ask(b"echo hello")

        assert (outcome.code, outcome.body, outcome.facts) == ("ok", b"hello", Facts(documents=1))
        assert (outcome.slot, outcome.attempts) == (0, 1)
        assert outcome.run_ms > 0

    run(test())


def test_large_bodies_and_answers_arrive_complete() -> None:
    """They are far larger than the buffer of a pipe, in both directions."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            for size in (8 * MIB - 20, 100, 5 * MIB):
                outcome = await pool.ask(b"answer_of %d\n" % (3 * size) + bytes(size))

                assert outcome.code == "ok"
                assert outcome.body == bytes(3 * size)

    run(test())


def test_an_answer_larger_than_the_arena_is_a_problem() -> None:
    """The problem names the size; the worker is not replaced."""

    async def test() -> None:
        async with running_pool(workers=1, max_answer_bytes=MIB) as pool:
            before = pool.pids

            outcome = await pool.ask(b"answer_of %d" % (MIB + 1))

            assert outcome.code == "invalid_option"
            assert json.loads(outcome.body)["detail"].startswith(f"the answer has {MIB + 1} bytes")
            assert pool.pids == before

    run(test())


def test_answers_that_do_not_fit_into_one_call_take_several() -> None:
    """The jobs of a batch whose answers fill the arena are answered in further calls."""

    async def test() -> None:
        async with running_pool(workers=1, max_answer_bytes=MIB) as pool:
            blocker = pool.begin(b"sleep 0.2")
            await pool.recorder.until("called")
            batch = [pool.begin(b"answer_of %d" % (600 * 1024 + number)) for number in range(3)]

            sizes = [len((await task).body) for task in (*batch,)]

            assert sizes == [600 * 1024 + number for number in range(3)]
            assert (await blocker).code == "ok"
            assert [event[2] for event in pool.recorder.all("called")] == [1, 3, 1, 1]

    run(test())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"segfault", "crash"),
        (b"exit_hard 3", "crash"),
        (b"exit_hard 0", "crash"),
        (b"kill_self SIGABRT", "crash"),
        (b"kill_self SIGBUS", "crash"),
        (b"kill_self SIGALRM", "timer"),
        (b"hog", "memory"),
    ],
)
def test_a_body_that_kills_two_workers_fails_and_is_refused_afterwards(body: bytes, reason: str) -> None:
    """The workers are replaced, their ends are reported with the reason, and other requests succeed."""

    async def test() -> None:
        async with running_pool(worker_memory_bytes=400 * MIB) as pool:
            outcome = await pool.ask(body)
            await pool.recorder.until("slot_ended", times=2)
            await pool.all_ready()

            assert (outcome.code, outcome.attempts) == ("worker_crashed", 2)
            assert {event[2] for event in pool.recorder.all("slot_ended")} == {reason}
            with pytest.raises(Refused, match="ended two workers") as refusal:
                await pool.ask(body)
            assert refusal.value.code == "poison_request"
            assert (await pool.ask(b"echo next")).body == b"next"

    run(test())


def test_a_request_survives_the_death_of_its_worker(tmp_path: os.PathLike[str]) -> None:
    """The request runs again and succeeds."""

    async def test() -> None:
        async with running_pool() as pool:
            outcome = await pool.ask(f"kill_self_once {os.fspath(tmp_path)}/flag".encode())

            assert (outcome.code, outcome.body, outcome.attempts) == ("ok", b"alive", 2)

    run(test())


def test_a_request_whose_workers_are_all_killed_fails_in_the_end() -> None:
    """The request is not blamed: the same body is accepted again."""

    async def test() -> None:
        async with running_pool() as pool:
            for _ in range(2):
                outcome = await pool.ask(b"kill_self SIGKILL")

                assert (outcome.code, outcome.attempts) == ("worker_crashed", MAX_LOSSES)

    run(test())


def test_every_request_is_answered_when_all_workers_die_at_once() -> None:
    """This holds for the running and the waiting requests."""

    async def test() -> None:
        async with running_pool() as pool:
            tasks = []
            for number in range(12):
                tasks.append(pool.begin(b"sleep 0.05\n%d" % number))
                await pool.recorder.until("called", times=min(number + 1, 2))

            for pid in pool.pids:
                os.kill(pid, signal.SIGKILL)

            assert {(await task).code for task in tasks} == {"ok"}

    run(test())


@pytest.mark.parametrize("body", [b"fail the client's words", b"fail_unpicklably x", b"exit_python 3"])
def test_an_exception_in_the_worker_is_an_internal_error(body: bytes) -> None:
    """The worker is not replaced; the report has the class and the place but not the message."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            before = pool.pids

            outcome = await pool.ask(body)

            assert outcome.code == "internal_error"
            assert b"words" not in outcome.body
            ((_, _, fault),) = pool.recorder.all("faulted")
            assert "tests/fakes.py" in fault
            assert "words" not in fault
            assert pool.pids == before

    run(test())


@pytest.mark.parametrize("body", [b"hang", b"hold_gil", b"sleep 60"])
def test_a_call_that_does_not_end_is_killed_at_its_deadline(body: bytes) -> None:
    """This holds for Python code, a system call, and C code that holds the interpreter's lock."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            outcome = await pool.ask(body, timeout=0.3)
            await pool.recorder.until("slot_ended")
            await pool.all_ready()

            assert outcome.code == "deadline_exceeded"
            assert pool.recorder.all("slot_ended", 0, "deadline")
            assert (await pool.ask(b"echo next")).body == b"next"

    run(test())


def test_a_stopped_worker_is_replaced() -> None:
    """Its request runs again, long before the deadline, and succeeds."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            task = pool.begin(b"sleep 0.2")
            await pool.recorder.until("called")

            os.kill(pool.pids[0], signal.SIGSTOP)

            assert (await task).code == "ok"
            await pool.recorder.until("slot_ended", 0, "crash")

    run(test())


def test_requests_that_overrun_their_deadlines_keep_nobody_from_a_slot() -> None:
    """One after the other ends a worker, more than would make a slot pause if the workers had died by themselves."""

    async def test() -> None:
        async with running_pool(workers=1) as pool:
            ends = []
            for _ in range(FREE_DEATHS + 3):
                await pool.all_ready()
                ends.append((await pool.ask(b"sleep 30", timeout=0.2)).code)

            assert ends == ["deadline_exceeded"] * len(ends)
            assert not pool.recorder.all("slot_changed", 0, "backoff")
            assert (await pool.ask(b"echo x")).code == "ok"

    run(test())
