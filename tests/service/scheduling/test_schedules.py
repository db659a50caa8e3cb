"""Random schedules of all that can happen to the scheduler, thousands of them, checked at every step.

A schedule is a string of bytes, one step each, so that drawing one costs little and shrinking it is quick: a
zero does nothing. `SCHEDULES=100000` in the environment runs that many.
"""

import os
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.scheduling.events import End
from tests.support.scheduler_simulation import Simulation

COSTS_S = (0.001, 0.004, 0.015, 0.03, 0.4, 2.0)
SIZES = (100, 20_000, 700_000, 3_000_000)
PATIENCE = (0.0, 0.002, 0.05, 0.6, 5.0, 30.0)
PAUSES_S = (0.0001, 0.003, 0.02, 0.06, 0.5, 1.1, 4.0)

N_STEPS = 120

EXAMPLES = int(os.environ.get("SCHEDULES", "10000"))

SCHEDULE = st.tuples(st.integers(1, 4), st.binary(min_size=N_STEPS, max_size=N_STEPS))


def play(n_slots: int, steps: bytes) -> Simulation:
    """Play one schedule; every check is in the simulation."""
    world = Simulation(n_slots)
    for position, step in enumerate(steps):
        perform(world, step % 16, step // 16 + position)
    world.turn()
    return world


def perform(world: Simulation, action: int, pick: int) -> None:
    """Perform one of the things that can happen now; `pick` chooses among equals."""
    match action:
        case 1 | 2 | 3 | 4 | 5:
            cost, patience = COSTS_S[pick % len(COSTS_S)], PATIENCE[pick // 3 % len(PATIENCE)]
            held = pick % 2 > 0
            world.arrive(f"subject {pick % 3}", cost, SIZES[pick % len(SIZES)], patience, held=held)
        case 6 | 7:
            pause = PAUSES_S[pick % len(PAUSES_S)]
            if pick % 4:
                world.advance(pause)
            else:
                world.lag(pause)
        case 8 | 9 if world.busy:
            slot = sorted(world.busy)[pick % len(world.busy)]
            world.answer(slot, postpone=pick % 5 == 0, retire=pick % 7 == 0)
        case 10 | 11 if world.busy or world.idle:
            alive = sorted({*world.busy, *world.idle})
            world.die(alive[pick % len(alive)], from_outside=pick % 3 > 0)
        case 12 if world.doomed:
            world.die(sorted(world.doomed)[pick % len(world.doomed)])
        case 13 | 14 if world.absent:
            world.ready(world.absent[pick % len(world.absent)])
        case 15 if world.jobs:
            number = pick % len(world.jobs)
            if not world.jobs[number].left:
                world.leave(number)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)
@given(SCHEDULE, st.booleans())
def test_every_job_has_exactly_one_end_in_any_schedule(schedule: tuple[int, bytes], drained: bool) -> None:
    """Whatever arrives, leaves, answers, dies, hangs and expires, nothing is lost, doubled or left."""
    world = play(*schedule)

    if drained:
        world.stop()
        world.arrive("late", 0.01, 100, 1.0)
    else:
        world.advance(max(PATIENCE) + 1)

    assert world.unfinished == []
    assert repr(world.scheduler).startswith("<Scheduler 0 jobs, 0 waiting")
    assert world.scheduler.queue.cost == 0
    assert all(isinstance(job.end, End) for job in world.jobs.values())


@settings(max_examples=EXAMPLES // 20, deadline=None)
@given(SCHEDULE)
def test_a_pool_that_works_again_serves_everything(schedule: tuple[int, bytes]) -> None:
    """After any schedule, slots that are brought back answer what still waits, and end idle."""
    world = play(*schedule)

    for slot in sorted(world.doomed):
        world.die(slot)
    for slot in list(world.absent):
        world.ready(slot)
    while world.busy:
        world.answer(min(world.busy))

    assert world.unfinished == []
    assert world.idle == set(range(world.n_slots))


def test_the_schedules_reach_every_end_and_every_instruction() -> None:
    """The schedules are worth something: among a few of them is each kind of end."""
    random = Random(1)
    ends = set()
    for _ in range(100):
        world = play(1, random.randbytes(600))
        world.stop()
        ends |= {job.end for job in world.jobs.values()}

    assert ends == set(End)
