"""What the scheduler does with the jobs of lost workers, with retired slots and after the drain."""

from service.scheduling.events import End
from service.scheduling.scheduler import (
    HANG_FACTOR,
    HANG_S,
    MAX_LOSSES,
)
from tests.support.scheduler_simulation import ready_simulation


def test_jobs_of_a_crashed_worker_run_again_before_all_others() -> None:
    """They have already waited in the queue once."""
    simulation = ready_simulation(1)
    simulation.submit()
    batch = simulation.submit(cost=0.002), simulation.submit(cost=0.002)
    simulation.answer(0)
    simulation.submit()

    simulation.lose_worker(0)
    simulation.start_worker(0)
    first = simulation.busy[0]
    simulation.answer(0)

    assert (first, simulation.busy[0]) == (batch[:1], batch[1:])


def test_a_job_whose_second_worker_crashes_fails() -> None:
    """A job is retried once after a crash."""
    simulation = ready_simulation(2)
    number = simulation.submit()

    for _ in range(2):
        simulation.lose_worker(next(iter(simulation.busy)))

    assert simulation.jobs[number].end is End.CRASHED
    assert simulation.jobs[number].attempts == 2


def test_a_job_is_not_blamed_for_a_kill_from_outside() -> None:
    """It is retried after each such kill, up to `MAX_LOSSES` lost workers."""
    simulation = ready_simulation(1)
    number = simulation.submit()

    for _ in range(MAX_LOSSES - 1):
        simulation.lose_worker(0, from_outside=True)
        simulation.start_worker(0)
    waiting = simulation.jobs[number].end
    simulation.lose_worker(0, from_outside=True)

    assert waiting is None
    assert simulation.jobs[number].end is End.LOST


def test_a_job_is_not_blamed_for_a_kill_by_the_scheduler() -> None:
    """After the kill of its hanging batch it still has its one retry after a crash."""
    simulation = ready_simulation(1)
    simulation.submit()
    number = simulation.submit(cost=0.002, timeout=30)
    simulation.submit(cost=0.002, timeout=30)
    simulation.answer(0)
    simulation.advance(HANG_S + HANG_FACTOR * 0.004)
    simulation.lose_worker(0)
    simulation.start_worker(0)

    simulation.lose_worker(0)
    simulation.start_worker(0)
    simulation.answer(0)

    assert simulation.jobs[number].crashes == 1
    assert len(simulation.unfinished) < 2


def test_a_retried_job_keeps_its_deadline() -> None:
    """A crash does not extend the deadline."""
    simulation = ready_simulation(1)
    number = simulation.submit(timeout=1.0)
    simulation.lose_worker(0)

    simulation.advance(1.0)

    assert simulation.jobs[number].end is End.EXPIRED


def test_a_postponed_job_runs_again_alone() -> None:
    """The answers of the jobs before it left no room for its own."""
    simulation = ready_simulation(1)
    simulation.submit()
    numbers = [simulation.submit(cost=0.002) for _ in range(2)]
    simulation.answer(0)

    simulation.answer(0, postpone=True)

    assert simulation.busy[0] == (numbers[1],)


def test_a_retired_slot_takes_no_call_until_it_is_ready_again() -> None:
    """Its worker is being replaced, so a waiting job starts on the new one."""
    simulation = ready_simulation(1)
    simulation.submit()
    number = simulation.submit()

    simulation.answer(0, retire=True)
    before = dict(simulation.busy)
    simulation.start_worker(0)

    assert before == {}
    assert simulation.busy[0] == (number,)


def test_after_the_drain_every_job_ends_and_none_starts() -> None:
    """This holds for running jobs, waiting jobs and jobs that arrive later."""
    simulation = ready_simulation(1)
    for _ in range(3):
        simulation.submit()

    simulation.end_drain()
    late = simulation.submit()

    assert {job.end for job in simulation.jobs.values()} == {End.STOPPED}
    assert simulation.jobs[late].attempts == 0


def test_deadlines_survive_when_those_of_finished_jobs_are_dropped() -> None:
    """Hundreds of finished jobs do not make the scheduler forget the deadline of a slow one."""
    simulation = ready_simulation(2)
    slow = simulation.submit(cost=5.0, timeout=40.0)
    busy = next(iter(simulation.busy))
    for _ in range(500):
        simulation.submit(timeout=30.0)
        simulation.answer(1 - busy)

    simulation.advance(40.0)

    assert simulation.jobs[slow].end is End.EXPIRED


def test_withdrawn_workers_leave_no_job_behind() -> None:
    """Running and waiting jobs are finished at once; jobs that arrive when slots are ready again are served."""
    simulation = ready_simulation(1)
    running, waiting = simulation.submit(), simulation.submit()

    simulation.withdraw_workers()
    simulation.advance(HANG_S)
    simulation.start_worker(0)
    later = simulation.submit()
    simulation.answer(0)

    ends = [simulation.jobs[number].end for number in (running, waiting, later)]
    assert ends == [End.WITHDRAWN, End.WITHDRAWN, End.ANSWERED]
