"""The scheduler's rules, one by one; `test_schedules` has them all at once."""

import pytest

from service.scheduling.events import CallEnded, End, ImpossibleEvent, SlotReady
from service.scheduling.scheduler import (
    HANG_FACTOR,
    HANG_S,
    RESPAWN_S,
    Scheduler,
)
from tests.support.scheduler_simulation import BATCH_JOBS, Simulation


def world_with(n_slots: int) -> Simulation:
    """Return a world in which every slot is ready."""
    world = Simulation(n_slots)
    for slot in range(n_slots):
        world.ready(slot)
    return world


def arrive(world: Simulation, cost: float = 0.01, patience: float = 10.0, subject: str = "s") -> int:
    """Let an ordinary job arrive."""
    return world.arrive(subject, cost, 1000, patience)


def test_a_job_that_finds_an_idle_slot_is_started_at_once() -> None:
    """Nothing waits for a batch to fill."""
    world = world_with(2)

    number = arrive(world)

    assert list(world.busy.values()) == [(number,)]


def test_jobs_that_arrive_together_are_started_together() -> None:
    """The first of them does not go alone."""
    world = world_with(1)
    numbers = [world.arrive("s", 0.001, 1000, 10.0, held=True) for _ in range(3)]
    assert not world.busy

    world.turn()

    assert list(world.busy.values()) == [tuple(numbers)]


def test_a_freed_slot_takes_small_jobs_as_one_call_up_to_the_budget() -> None:
    """Twenty milliseconds of predicted work share a call; what does not fit waits for the next."""
    world = world_with(1)
    arrive(world)
    waiting = [arrive(world, cost=0.003) for _ in range(9)]

    world.answer(0)

    assert world.busy[0] == tuple(waiting[:6])


def test_a_small_job_does_not_share_a_call_with_a_large_one() -> None:
    """It would wait for that one's end; whichever of them comes first."""
    world = world_with(1)
    arrive(world)
    small = arrive(world, cost=0.001, subject="light")
    large = arrive(world, cost=0.006, subject="heavy")
    other = arrive(world, cost=0.001, subject="other")

    calls = []
    for _ in range(3):
        world.answer(0)
        calls.append(world.busy[0])

    assert calls == [(small,), (large,), (other,)]


def test_a_call_has_a_bounded_number_of_jobs() -> None:
    """However little they cost."""
    world = world_with(1)
    arrive(world)
    for _ in range(2 * BATCH_JOBS):
        arrive(world, cost=1e-6)

    world.answer(0)

    assert len(world.busy[0]) == BATCH_JOBS


def test_slots_share_what_waits() -> None:
    """The first slot to be free leaves the other its part."""
    world = world_with(2)
    for _ in range(2):
        arrive(world)
    for _ in range(4):
        arrive(world, cost=0.004)

    world.answer(0)
    world.answer(1)

    assert [len(call) for call in world.busy.values()] == [2, 1]


def test_an_expensive_job_is_started_alone() -> None:
    """A job over the budget takes a call of its own, however much."""
    world = world_with(1)
    arrive(world)
    expensive = arrive(world, cost=5.0)
    arrive(world, cost=0.001)

    world.answer(0)

    assert world.busy[0] == (expensive,)


def test_a_job_that_expires_in_the_queue_is_never_started() -> None:
    """It ends when its deadline comes, while others wait on."""
    world = world_with(1)
    arrive(world, patience=60)
    short, patient = arrive(world, patience=0.5), arrive(world, patience=60)

    world.advance(1)
    world.answer(0)

    assert world.jobs[short].end is End.EXPIRED
    assert world.jobs[short].starts == 0
    assert world.busy[0] == (patient,)


def test_a_call_past_its_deadline_is_killed_within_the_time_of_a_respawn() -> None:
    """The client has its answer at the deadline; the worker gets a moment longer, as it may be done soon."""
    world = world_with(1)
    number = arrive(world, cost=0.01, patience=2.0)

    world.advance(2.0)
    ended, killed_at_once = world.jobs[number].end, set(world.doomed)
    world.advance(RESPAWN_S)

    assert ended is End.EXPIRED
    assert not killed_at_once
    assert world.doomed == {0}


def test_a_call_that_has_long_to_go_is_killed_when_its_client_leaves() -> None:
    """What is left costs more than a respawn."""
    world = world_with(1)
    number = arrive(world, cost=3.0)

    world.leave(number)
    world.advance(0)

    assert world.jobs[number].end is End.DISCONNECTED
    assert world.doomed == {0}


def test_a_call_that_ends_soon_is_let_end_when_its_client_leaves() -> None:
    """Killing it would cost more than it saves."""
    world = world_with(1)
    world.leave(arrive(world, cost=0.03))

    world.advance(0.03)
    world.answer(0)

    assert world.idle == {0}


def test_a_call_that_others_wait_for_is_not_killed_when_one_leaves() -> None:
    """Batch mates keep their call."""
    world = world_with(1)
    arrive(world)
    first, second = arrive(world, cost=0.002), arrive(world, cost=0.002)
    world.answer(0)

    world.leave(first)
    world.advance(0.1)
    world.answer(0)

    assert world.jobs[second].end is End.ANSWERED


def test_a_late_batch_is_broken_up_when_one_of_its_jobs_expires() -> None:
    """That one hangs, most likely; the others are run again, alone, and not blamed."""
    world = world_with(1)
    arrive(world)
    hanging, mate = arrive(world, cost=0.002, patience=0.3), arrive(world, cost=0.002, patience=30)
    world.answer(0)

    world.advance(0.3 + RESPAWN_S)
    killed = set(world.doomed)
    world.die(0)
    world.ready(0)

    assert killed == {0}
    assert world.jobs[hanging].end is End.EXPIRED
    assert world.busy[0] == (mate,)


def test_a_batch_that_hangs_is_broken_up_and_its_jobs_are_tried_alone() -> None:
    """One of them hangs; the others must not lose their deadlines to it."""
    world = world_with(1)
    arrive(world)
    batch = [arrive(world, cost=0.002, patience=30) for _ in range(3)]
    world.answer(0)

    world.advance(HANG_S + HANG_FACTOR * 0.006)
    world.die(0)
    world.ready(0)

    assert world.busy[0] == (batch[0],)
    assert [world.jobs[number].end for number in batch] == [None, None, None]


def test_it_asks_to_be_woken_at_the_earliest_deadline() -> None:
    """And not at all while there is nothing to wait for."""
    world = world_with(1)
    before = world.scheduler.wake_at()

    arrive(world, patience=7.0)
    arrive(world, patience=3.0)

    assert before is None
    assert world.scheduler.wake_at() == 3.0


def test_the_backlog_counts_what_waits_and_what_is_left_of_running_calls() -> None:
    """In predicted seconds of one worker; an overdue call has nothing left."""
    world = world_with(1)
    arrive(world, cost=1.0)
    arrive(world, cost=0.5)

    assert world.scheduler.backlog_s(0.25) == pytest.approx(1.25)
    assert world.scheduler.backlog_s(9.0) == pytest.approx(0.5)


@pytest.mark.parametrize("event", [CallEnded(0), SlotReady(0)])
def test_an_impossible_event_is_a_fault(event: CallEnded | SlotReady) -> None:
    """An answer from an idle slot, or a slot that becomes ready twice, must not pass in silence."""
    scheduler = Scheduler()
    scheduler.handle(SlotReady(0), 0.0)

    with pytest.raises(ImpossibleEvent, match=r"slot 0: \w+ while idle"):
        scheduler.handle(event, 1.0)


def test_a_lost_idle_slot_is_not_used() -> None:
    """Its death needs no call to be noticed."""
    world = world_with(2)

    world.die(1)
    arrive(world)
    arrive(world)

    assert set(world.busy) == {0}
    assert world.scheduler.queue.count == 1


def test_its_representation_shows_the_counts() -> None:
    """For logs and tests."""
    world = world_with(2)
    for _ in range(3):
        arrive(world)

    assert repr(world.scheduler) == "<Scheduler 3 jobs, 1 waiting, slots busy, busy>"
