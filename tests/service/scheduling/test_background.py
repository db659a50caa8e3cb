"""Steps of durable jobs take what requests leave, in turn, and their share where one is guaranteed."""

import pytest

from service.scheduling.background import STEP_LIMIT_S, STEP_S
from service.scheduling.events import End
from tests.support.scheduler_simulation import Simulation, ready_simulation


def running(simulation: Simulation) -> list[int]:
    """Return the numbers of the jobs that run, by slot."""
    return [number for slot in sorted(simulation.busy) for number in simulation.busy[slot]]


def test_a_step_starts_on_a_slot_that_no_request_waits_for() -> None:
    """And the next only when that one has ended."""
    simulation = ready_simulation(1)

    first, second = simulation.offer_step(), simulation.offer_step()

    assert running(simulation) == [first]
    simulation.answer(0)
    assert running(simulation) == [second]
    assert simulation.jobs[first].end is End.ANSWERED


def test_a_request_goes_before_every_step_that_waits() -> None:
    """It waits for the step that runs, and for no other."""
    simulation = ready_simulation(1)
    for _ in range(10):
        simulation.offer_step()

    request = simulation.submit()
    simulation.answer(0)

    assert running(simulation) == [request]


def test_steps_count_neither_as_backlog_nor_as_queue() -> None:
    """So no request is refused because of them."""
    simulation = ready_simulation(1)

    for _ in range(10):
        simulation.offer_step()

    assert simulation.scheduler.running_s(simulation.now) == 0
    assert simulation.scheduler.queue.count == 0


def test_subjects_take_turns() -> None:
    """However many steps one of them has."""
    simulation = ready_simulation(1)
    heavy = [simulation.offer_step("heavy") for _ in range(5)]
    light = [simulation.offer_step("light") for _ in range(2)]

    order = []
    while simulation.busy:
        order += running(simulation)
        simulation.answer(0)

    assert order == [heavy[0], heavy[1], light[0], heavy[2], light[1], heavy[3], heavy[4]]


def test_a_step_whose_worker_crashes_is_not_tried_again_here() -> None:
    """Its job decides what becomes of it."""
    simulation = ready_simulation(1)
    crashed = simulation.offer_step()
    simulation.lose_worker(0)
    simulation.start_worker(0)
    lost = simulation.offer_step()

    simulation.lose_worker(0, from_outside=True)

    assert (simulation.jobs[crashed].end, simulation.jobs[lost].end) == (End.CRASHED, End.LOST)


def test_a_step_that_hangs_is_killed() -> None:
    """After a time that no step takes, however busy the machine is."""
    simulation = ready_simulation(1)
    step = simulation.offer_step()

    simulation.advance(STEP_LIMIT_S)

    assert simulation.jobs[step].end is End.EXPIRED
    assert simulation.killed == {0}


def test_a_withdrawn_step_that_runs_goes_on_to_its_end() -> None:
    """It is soon over; what it answers is ignored."""
    simulation = ready_simulation(1)
    step = simulation.offer_step()
    waiting = simulation.offer_step()

    simulation.disconnect(step)
    simulation.disconnect(waiting)
    simulation.advance(1.0)

    assert simulation.busy == {0: (step,)}
    simulation.answer(0)
    assert simulation.idle == {0}


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("cost", [0.005, 0.05])
def test_steps_get_their_share_of_a_full_house(share: float, cost: float) -> None:
    """While a request and a step always wait, steps have that share of the time, and no more."""
    simulation = Simulation(1, share=share)
    simulation.start_worker(0)
    spent = {True: 0.0, False: 0.0}
    for _ in range(400):
        while simulation.scheduler.queue.count < 2:
            simulation.submit(cost=cost, timeout=1e9)
        while len(simulation.waiting_steps) < 2:
            simulation.offer_step()
        (slot,) = simulation.busy
        is_step = simulation.jobs[simulation.busy[slot][0]].job.step
        seconds = STEP_S if is_step else cost * len(simulation.busy[slot])
        simulation.now += seconds
        spent[is_step] += seconds
        simulation.answer(slot)

    assert abs(spent[True] / sum(spent.values()) - share) < 0.05
