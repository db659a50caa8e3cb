"""What the scheduler does with the jobs of workers that are gone, and with slots that go."""

from service.scheduling.events import End
from service.scheduling.scheduler import (
    HANG_FACTOR,
    HANG_S,
    MAX_LOSSES,
)
from tests.support.scheduler_simulation import Simulation


def world_with(n_slots: int) -> Simulation:
    """Return a world in which every slot is ready."""
    world = Simulation(n_slots)
    for slot in range(n_slots):
        world.ready(slot)
    return world


def arrive(world: Simulation, cost: float = 0.01, patience: float = 10.0, subject: str = "s") -> int:
    """Let an ordinary job arrive."""
    return world.arrive(subject, cost, 1000, patience)


def test_jobs_of_a_crashed_worker_run_again_before_all_others() -> None:
    """They have waited once already."""
    world = world_with(1)
    arrive(world)
    batch = arrive(world, cost=0.002), arrive(world, cost=0.002)
    world.answer(0)
    arrive(world)

    world.die(0)
    world.ready(0)
    first = world.busy[0]
    world.answer(0)

    assert (first, world.busy[0]) == (batch[:1], batch[1:])


def test_a_job_whose_second_worker_crashes_is_given_up() -> None:
    """There is one retry, not two."""
    world = world_with(2)
    number = arrive(world)

    for _ in range(2):
        world.die(next(iter(world.busy)))

    assert world.jobs[number].end is End.CRASHED
    assert world.jobs[number].starts == 2


def test_a_job_is_not_blamed_for_a_kill_from_outside() -> None:
    """It is run again, and again, but not for ever."""
    world = world_with(1)
    number = arrive(world)

    for _ in range(MAX_LOSSES - 1):
        world.die(0, from_outside=True)
        world.ready(0)
    waiting = world.jobs[number].end
    world.die(0, from_outside=True)

    assert waiting is None
    assert world.jobs[number].end is End.LOST


def test_a_job_is_not_blamed_for_a_kill_of_ours() -> None:
    """Its mate's kill leaves it its one retry after a crash."""
    world = world_with(1)
    arrive(world)
    number = arrive(world, cost=0.002, patience=30)
    arrive(world, cost=0.002, patience=30)
    world.answer(0)
    world.advance(HANG_S + HANG_FACTOR * 0.004)
    world.die(0)
    world.ready(0)

    world.die(0)
    world.ready(0)
    world.answer(0)

    assert world.jobs[number].deaths == 1
    assert len(world.unfinished) < 2


def test_a_retried_job_keeps_its_deadline() -> None:
    """A crash buys no time."""
    world = world_with(1)
    number = arrive(world, patience=1.0)
    world.die(0)

    world.advance(1.0)

    assert world.jobs[number].end is End.EXPIRED


def test_a_postponed_job_runs_again_alone() -> None:
    """The answers before it left no room for its own."""
    world = world_with(1)
    arrive(world)
    numbers = [arrive(world, cost=0.002) for _ in range(2)]
    world.answer(0)

    world.answer(0, postpone=True)

    assert world.busy[0] == (numbers[1],)


def test_a_retired_slot_takes_no_call_until_it_is_ready_again() -> None:
    """Its worker is being replaced."""
    world = world_with(1)
    arrive(world)
    number = arrive(world)

    world.answer(0, retire=True)
    before = dict(world.busy)
    world.ready(0)

    assert before == {}
    assert world.busy[0] == (number,)


def test_after_the_stop_everything_ends_and_nothing_starts() -> None:
    """Waiting, running and late jobs alike."""
    world = world_with(1)
    for _ in range(3):
        arrive(world)

    world.stop()
    late = arrive(world)

    assert {job.end for job in world.jobs.values()} == {End.STOPPED}
    assert world.jobs[late].starts == 0


def test_deadlines_survive_when_those_of_finished_jobs_are_dropped() -> None:
    """Hundreds of quick jobs do not make the scheduler forget a slow one."""
    world = world_with(2)
    slow = arrive(world, cost=5.0, patience=40.0)
    busy = next(iter(world.busy))
    for _ in range(500):
        arrive(world, patience=30.0)
        world.answer(1 - busy)

    world.advance(40.0)

    assert world.jobs[slow].end is End.EXPIRED
