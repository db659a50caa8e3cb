"""Random schedules of everything that can happen to the scheduler, checked at every step.

A schedule is a string of bytes, one for each step, so that it is quick to draw and quick to shrink: a zero byte
does nothing. The environment's `SCHEDULES` sets how many are run, by default 10,000.
"""

import os
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.scheduling.background import STEP_LIMIT_S
from service.scheduling.events import End
from tests.support.scheduler_simulation import Simulation

COSTS_S = (0.001, 0.004, 0.015, 0.03, 0.4, 2.0)
SIZES = (100, 20_000, 700_000, 3_000_000)
TIMEOUTS_S = (0.0, 0.002, 0.05, 0.6, 5.0, 30.0)
PAUSES_S = (0.0001, 0.003, 0.02, 0.06, 0.5, 1.1, 4.0)

N_STEPS = 120

EXAMPLES = int(os.environ.get("SCHEDULES", "10000"))

SCHEDULE = st.tuples(st.integers(1, 4), st.binary(min_size=N_STEPS, max_size=N_STEPS))


def play(n_slots: int, steps: bytes) -> Simulation:
    """Run one schedule; the simulation does all checks."""
    simulation = Simulation(n_slots, share=0.25 if steps[0] % 2 else 0.0)
    for position, step in enumerate(steps):
        perform(simulation, step % 16, step // 16 + position)
    simulation.end_turn()
    return simulation


def perform(simulation: Simulation, action: int, pick: int) -> None:
    """Perform an action if it is possible now; `pick` chooses the job, the slot or the duration."""
    match action:
        case 1 | 2 | 3 | 4 | 5:
            arrive(simulation, pick, step=action == 1)
        case 6 | 7:
            pause = PAUSES_S[pick % len(PAUSES_S)]
            if pick % 4:
                simulation.advance(pause)
            else:
                simulation.block_loop(pause)
        case 8 | 9 if simulation.busy:
            slot = sorted(simulation.busy)[pick % len(simulation.busy)]
            simulation.answer(slot, postpone=pick % 5 == 0, retire=pick % 7 == 0)
        case 10 | 11 if simulation.busy or simulation.idle:
            alive = sorted({*simulation.busy, *simulation.idle})
            simulation.lose_worker(alive[pick % len(alive)], from_outside=pick % 3 > 0)
        case 12 if simulation.killed:
            simulation.lose_worker(sorted(simulation.killed)[pick % len(simulation.killed)])
        case 13 | 14 if simulation.without_worker:
            simulation.start_worker(simulation.without_worker[pick % len(simulation.without_worker)])
        case 15 if pick % 8 == 0:
            simulation.withdraw_workers()
        case 15 if simulation.jobs:
            disconnect_once(simulation, pick % len(simulation.jobs))


def arrive(simulation: Simulation, pick: int, *, step: bool) -> None:
    """Submit a request, or offer a step."""
    if step:
        simulation.offer_step(f"subject {pick % 4}")
        return
    cost, timeout = COSTS_S[pick % len(COSTS_S)], TIMEOUTS_S[pick // 3 % len(TIMEOUTS_S)]
    simulation.submit(f"subject {pick % 3}", cost, SIZES[pick % len(SIZES)], timeout, held=pick % 2 > 0)


def disconnect_once(simulation: Simulation, number: int) -> None:
    """Let the client of a job disconnect, unless it has."""
    if not simulation.jobs[number].disconnected:
        simulation.disconnect(number)


# The number of schedules bounds it, not the time: beside other work 10,000 take minutes.
@pytest.mark.timeout(1_200)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)
@given(SCHEDULE, st.booleans())
def test_every_job_has_exactly_one_end_in_any_schedule(schedule: tuple[int, bytes], drained: bool) -> None:
    """No job is lost, ended twice or left over, in any order of arrivals, disconnects, answers and crashes."""
    simulation = play(*schedule)

    if drained:
        simulation.end_drain()
        simulation.submit("late")
    else:
        for number in simulation.waiting_steps:
            simulation.disconnect(number)
        simulation.advance(STEP_LIMIT_S + 1)

    assert simulation.unfinished == []
    assert repr(simulation.scheduler).startswith("<Scheduler 0 jobs, 0 waiting")
    assert simulation.scheduler.queue.cost == 0
    assert all(isinstance(job.end, End) for job in simulation.jobs.values())


@settings(max_examples=EXAMPLES // 20, deadline=None)
@given(SCHEDULE)
def test_after_any_schedule_restarted_slots_end_all_jobs(schedule: tuple[int, bytes]) -> None:
    """When every slot has a new worker, the jobs that still wait are answered and every slot becomes idle."""
    simulation = play(*schedule)

    for slot in sorted(simulation.killed):
        simulation.lose_worker(slot)
    for slot in list(simulation.without_worker):
        simulation.start_worker(slot)
    while simulation.busy:
        simulation.answer(min(simulation.busy))

    assert simulation.unfinished == []
    assert simulation.idle == set(range(simulation.n_slots))


def test_the_schedules_reach_every_end_and_every_instruction() -> None:
    """A hundred random schedules produce every kind of end, so the tests above cover them all."""
    random = Random(1)
    ends = set()
    for _ in range(100):
        simulation = play(1, random.randbytes(600))
        simulation.end_drain()
        ends |= {job.end for job in simulation.jobs.values()}

    assert ends == set(End)
