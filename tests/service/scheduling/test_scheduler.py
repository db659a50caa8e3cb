"""The scheduler's rules, one at a time; `test_schedules` checks them together."""

import pytest

from service.scheduling.events import CallEnded, End, ImpossibleEvent, SlotReady
from service.scheduling.scheduler import (
    HANG_FACTOR,
    HANG_S,
    RESPAWN_S,
    Scheduler,
)
from tests.support.scheduler_simulation import BATCH_JOBS, ready_simulation


def test_a_job_that_finds_an_idle_slot_is_started_at_once() -> None:
    """The scheduler does not wait for a batch to fill."""
    simulation = ready_simulation(2)

    number = simulation.submit()

    assert list(simulation.busy.values()) == [(number,)]


def test_jobs_that_arrive_together_are_started_together() -> None:
    """They share one call, which starts when the event loop's turn ends."""
    simulation = ready_simulation(1)
    numbers = [simulation.submit(cost=0.001, held=True) for _ in range(3)]
    assert not simulation.busy

    simulation.end_turn()

    assert list(simulation.busy.values()) == [tuple(numbers)]


def test_a_freed_slot_takes_small_jobs_as_one_call_up_to_the_budget() -> None:
    """Jobs of at most 20 ms of predicted work share a call; the others wait for the next call."""
    simulation = ready_simulation(1)
    simulation.submit()
    waiting = [simulation.submit(cost=0.003) for _ in range(9)]

    simulation.answer(0)

    assert simulation.busy[0] == tuple(waiting[:6])


def test_a_small_job_does_not_share_a_call_with_a_large_one() -> None:
    """The small job would wait for the large one's end; this holds in either order of arrival."""
    simulation = ready_simulation(1)
    simulation.submit()
    small = simulation.submit(cost=0.001, subject="light")
    large = simulation.submit(cost=0.006, subject="heavy")
    other = simulation.submit(cost=0.001, subject="other")

    calls = []
    for _ in range(3):
        simulation.answer(0)
        calls.append(simulation.busy[0])

    assert calls == [(small,), (large,), (other,)]


def test_a_call_has_a_bounded_number_of_jobs() -> None:
    """The bound holds however little the jobs cost."""
    simulation = ready_simulation(1)
    simulation.submit()
    for _ in range(2 * BATCH_JOBS):
        simulation.submit(cost=1e-6)

    simulation.answer(0)

    assert len(simulation.busy[0]) == BATCH_JOBS


def test_slots_share_the_waiting_jobs() -> None:
    """The first free slot leaves jobs for the second."""
    simulation = ready_simulation(2)
    for _ in range(2):
        simulation.submit(cost=0.001)
    for _ in range(4):
        simulation.submit(cost=0.004)

    simulation.answer(0)
    simulation.answer(1)

    assert [len(call) for call in simulation.busy.values()] == [2, 2]


def test_jobs_that_arrive_together_are_shared_by_idle_slots() -> None:
    """Small ones too: in one call they would keep the other slot idle, and then the server and that slot."""
    simulation = ready_simulation(2)
    for _ in range(BATCH_JOBS):
        simulation.submit(cost=0.001, held=True)

    simulation.end_turn()

    assert [len(call) for call in simulation.busy.values()] == [BATCH_JOBS / 2] * 2


def test_a_slot_takes_all_that_waits_while_others_run_as_much() -> None:
    """What a slot takes is its share of all that waits and runs, so that calls do not become ever smaller."""
    simulation = ready_simulation(2)
    for _ in range(BATCH_JOBS):
        simulation.submit(cost=0.001, held=True)
    simulation.end_turn()
    simulation.answer(0)

    again = [simulation.submit(cost=0.001, held=True) for _ in range(BATCH_JOBS // 2)]
    simulation.end_turn()

    assert simulation.busy[0] == tuple(again)


def test_nothing_is_left_for_a_slot_that_has_no_worker() -> None:
    """The other would take what waits in ever smaller calls."""
    simulation = ready_simulation(2)
    simulation.lose_worker(1)
    numbers = [simulation.submit(cost=0.002, held=True) for _ in range(8)]

    simulation.end_turn()

    assert list(simulation.busy.values()) == [tuple(numbers)]


def test_work_that_is_not_worth_two_calls_is_not_shared() -> None:
    """One call of a few small jobs costs less than two."""
    simulation = ready_simulation(2)
    numbers = [simulation.submit(cost=0.0002, held=True) for _ in range(4)]

    simulation.end_turn()

    assert list(simulation.busy.values()) == [tuple(numbers)]


def test_an_expensive_job_is_started_alone() -> None:
    """A job whose cost exceeds the budget of a call gets a call of its own."""
    simulation = ready_simulation(1)
    simulation.submit()
    expensive = simulation.submit(cost=5.0)
    simulation.submit(cost=0.001)

    simulation.answer(0)

    assert simulation.busy[0] == (expensive,)


def test_a_job_that_expires_in_the_queue_is_never_started() -> None:
    """It ends at its deadline; the jobs behind it still wait."""
    simulation = ready_simulation(1)
    simulation.submit(timeout=60)
    short, patient = simulation.submit(timeout=0.5), simulation.submit(timeout=60)

    simulation.advance(1)
    simulation.answer(0)

    assert simulation.jobs[short].end is End.EXPIRED
    assert simulation.jobs[short].attempts == 0
    assert simulation.busy[0] == (patient,)


def test_a_call_past_its_deadline_is_killed_within_the_time_of_a_respawn() -> None:
    """The client is answered at the deadline; the worker is killed later, because it may still end by itself."""
    simulation = ready_simulation(1)
    number = simulation.submit(cost=0.01, timeout=2.0)

    simulation.advance(2.0)
    ended, killed_at_once = simulation.jobs[number].end, set(simulation.killed)
    simulation.advance(RESPAWN_S)

    assert ended is End.EXPIRED
    assert not killed_at_once
    assert simulation.killed == {0}


def test_a_long_call_is_killed_when_its_client_disconnects() -> None:
    """The rest of the call costs more than a respawn."""
    simulation = ready_simulation(1)
    number = simulation.submit(cost=3.0)

    simulation.disconnect(number)
    simulation.advance(0)

    assert simulation.jobs[number].end is End.DISCONNECTED
    assert simulation.killed == {0}


def test_a_call_that_ends_soon_is_not_killed_when_its_client_disconnects() -> None:
    """A respawn would cost more than the rest of the call."""
    simulation = ready_simulation(1)
    simulation.disconnect(simulation.submit(cost=0.03))

    simulation.advance(0.03)
    simulation.answer(0)

    assert simulation.idle == {0}


def test_a_shared_call_is_not_killed_when_one_client_disconnects() -> None:
    """The other jobs of the batch keep their call."""
    simulation = ready_simulation(1)
    simulation.submit()
    first, second = simulation.submit(cost=0.002), simulation.submit(cost=0.002)
    simulation.answer(0)

    simulation.disconnect(first)
    simulation.advance(0.1)
    simulation.answer(0)

    assert simulation.jobs[second].end is End.ANSWERED


def test_a_late_batch_is_broken_up_when_one_of_its_jobs_expires() -> None:
    """The expired job probably hangs; the others run again, each alone and without blame."""
    simulation = ready_simulation(1)
    simulation.submit()
    hanging, mate = simulation.submit(cost=0.002, timeout=0.3), simulation.submit(cost=0.002, timeout=30)
    simulation.answer(0)

    simulation.advance(0.3 + RESPAWN_S)
    killed = set(simulation.killed)
    simulation.lose_worker(0)
    simulation.start_worker(0)

    assert killed == {0}
    assert simulation.jobs[hanging].end is End.EXPIRED
    assert simulation.busy[0] == (mate,)


def test_a_batch_that_hangs_is_broken_up_and_its_jobs_are_tried_alone() -> None:
    """One of the jobs hangs; the others must not miss their deadlines because of it."""
    simulation = ready_simulation(1)
    simulation.submit()
    batch = [simulation.submit(cost=0.002, timeout=30) for _ in range(3)]
    simulation.answer(0)

    simulation.advance(HANG_S + HANG_FACTOR * 0.006)
    simulation.lose_worker(0)
    simulation.start_worker(0)

    assert simulation.busy[0] == (batch[0],)
    assert [simulation.jobs[number].end for number in batch] == [None, None, None]


def test_the_wake_up_time_is_the_earliest_deadline() -> None:
    """Without jobs there is no time to be woken."""
    simulation = ready_simulation(1)
    before = simulation.scheduler.wake_at()

    simulation.submit(timeout=7.0)
    simulation.submit(timeout=3.0)

    assert before is None
    assert simulation.scheduler.wake_at() == 3.0


def test_the_backlog_is_the_cost_of_waiting_jobs_and_of_the_rest_of_running_calls() -> None:
    """It is in predicted seconds of one worker; an overdue call adds nothing."""
    simulation = ready_simulation(1)
    simulation.submit(cost=1.0)
    simulation.submit(cost=0.5)

    scheduler = simulation.scheduler
    assert (scheduler.queue.cost, scheduler.running_s(0.25)) == pytest.approx((0.5, 0.75))
    assert (scheduler.queue.cost, scheduler.running_s(9.0)) == pytest.approx((0.5, 0.0))


@pytest.mark.parametrize("event", [CallEnded(0), SlotReady(0)])
def test_an_impossible_event_raises(event: CallEnded | SlotReady) -> None:
    """An answer from an idle slot and a slot that becomes ready twice raise `ImpossibleEvent`."""
    scheduler = Scheduler()
    scheduler.handle(SlotReady(0), 0.0)

    with pytest.raises(ImpossibleEvent, match=r"slot 0: \w+ while idle"):
        scheduler.handle(event, 1.0)


def test_a_lost_idle_slot_gets_no_job() -> None:
    """The loss is noticed although no call ran on the slot."""
    simulation = ready_simulation(2)

    simulation.lose_worker(1)
    simulation.submit()
    simulation.submit()

    assert set(simulation.busy) == {0}
    assert simulation.scheduler.queue.count == 1


def test_repr_shows_the_counts() -> None:
    """It has the jobs, the waiting ones and the state of each slot."""
    simulation = ready_simulation(2)
    for _ in range(3):
        simulation.submit()

    assert repr(simulation.scheduler) == "<Scheduler 3 jobs, 1 waiting, slots busy, busy>"
