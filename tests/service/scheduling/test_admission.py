"""Who may come in, and what the others are told."""

from contextlib import ExitStack
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Refused
from service.limits import PoolLimits
from service.scheduling.admission import BODIES_HELD, DEADLINE_MARGIN, OVERDRAFT, Admission, Permit, QueueLoad
from service.scheduling.fair_queue import QUANTUM_S

BODY = 1_000_000

IDLE = QueueLoad(running=0.0, queued=0.0, own=0.0, others=0, slots=2)


def admission(idle: list[str] | None = None) -> Admission:
    """Make an admission for 5 s of waiting on two slots; `idle` receives a word whenever it is."""
    capacity = PoolLimits(workers=2, max_body_bytes=BODY, queue_budget_s=5.0)
    told = [] if idle is None else idle
    return Admission(capacity, Random(7), lambda: told.append("idle"))


def refusal(load: QueueLoad, cost: float = 0.1, time_left: float = 30.0) -> tuple[str, int]:
    """Return code and Retry-After of a job that is refused."""
    with pytest.raises(Refused) as caught:
        admission().check_wait(cost, time_left, load)
    assert caught.value.retry_after is not None
    return caught.value.code, caught.value.retry_after


def test_an_idle_pool_takes_any_job() -> None:
    """Also one that costs more than the whole budget: nothing waits."""
    admission().check_wait(100.0, 30.0, IDLE)


def test_a_subject_alone_may_use_the_whole_budget() -> None:
    """Five seconds on two slots are ten of work."""
    admission().check_wait(0.1, 30.0, IDLE._replace(queued=9.8, own=9.8))


def test_a_full_queue_refuses_and_names_the_wait() -> None:
    """Retry-After is about the time until what waits now is done."""
    code, retry_after = refusal(IDLE._replace(queued=12.0, own=12.0))

    assert code == "overloaded"
    assert retry_after in range(3, 10)


def test_a_subject_over_its_share_is_told_so_while_others_wait() -> None:
    """It is its own doing, not the server's."""
    code, _ = refusal(IDLE._replace(queued=6.0, own=5.5, others=1))

    assert code == "quota_exceeded"


def test_a_late_subject_gets_its_share_of_a_full_queue() -> None:
    """The one who filled it was alone at the time."""
    admission().check_wait(0.1, 30.0, IDLE._replace(running=1.0, queued=10.0, others=1))


def test_there_is_an_end_to_the_shares_of_late_subjects() -> None:
    """Twice the budget is more than anybody should wait for."""
    code, _ = refusal(IDLE._replace(queued=10.0 * OVERDRAFT + 1, others=7))

    assert code == "overloaded"


def test_a_wait_beyond_the_deadline_is_refused_at_the_door() -> None:
    """The answer would come to nobody."""
    code, _ = refusal(IDLE._replace(queued=4.0, own=4.0), time_left=1.5)

    assert code == "overloaded"


@pytest.mark.parametrize(
    ("time_left", "comes_in"), [(2.0 * DEADLINE_MARGIN, True), (1.9 * DEADLINE_MARGIN, False)]
)
def test_a_wait_has_room_before_the_deadline(time_left: float, comes_in: bool) -> None:
    """A prediction is no promise, and a refusal now is better than a 504 later."""
    load = IDLE._replace(queued=4.0, own=4.0)
    assert load.wait == 2.0

    if comes_in:
        admission().check_wait(0.1, time_left, load)
    else:
        assert refusal(load, time_left=time_left)[0] == "overloaded"


def test_the_wait_of_a_subject_is_that_of_its_turn() -> None:
    """With turns, a long line of another subject costs a newcomer one turn of it."""
    load = QueueLoad(running=0.5, queued=20.0, own=0.0, others=1, slots=1)

    assert load.wait == pytest.approx(0.5 + QUANTUM_S)


def test_the_wait_of_a_subject_alone_is_all_of_the_work() -> None:
    """Shared by the slots."""
    assert QueueLoad(running=1.0, queued=5.0, own=5.0, others=0, slots=2).wait == pytest.approx(3.0)


def test_bodies_beyond_the_byte_budget_are_refused() -> None:
    """Before they are read: they would have to be held."""
    gate = admission()
    with ExitStack() as permits:
        for _ in range(BODIES_HELD + 1):
            permits.enter_context(gate.admit("greedy", BODY))

        with pytest.raises(Refused, match="bodies") as caught:
            gate.admit("greedy", BODY)

    assert caught.value.code == "overloaded"


def test_a_late_subject_may_bring_a_body_past_the_byte_budget() -> None:
    """One subject's bodies do not lock out another's."""
    gate = admission()
    with ExitStack() as permits:
        for _ in range(BODIES_HELD + 1):
            permits.enter_context(gate.admit("greedy", BODY))

        permits.enter_context(gate.admit("late", BODY))

        assert gate.permits == BODIES_HELD + 2


def test_a_body_of_unknown_size_counts_as_the_largest() -> None:
    """It may turn out to be."""
    gate = admission()

    gate.admit("s", None)

    assert repr(gate) == f"<Admission 1 permits, {BODY} bytes, 1 subjects>"


def test_a_permit_is_released_once() -> None:
    """Also when it is left twice."""
    told: list[str] = []
    gate = admission(told)
    permit = gate.admit("s", 10)

    for _ in range(2):
        with permit:
            pass

    assert repr(gate) == "<Admission 0 permits, 0 bytes, 0 subjects>"
    assert told == ["idle"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0, 1, 5000, None]), st.booleans())))
def test_permits_in_any_order_leave_nothing_behind(visits: list[tuple[str, int | None, bool]]) -> None:
    """What was taken is given back, to the byte."""
    gate = admission()
    held: list[Permit] = []
    for subject, size, leave in visits:
        held.append(gate.admit(subject, size))
        if leave:
            with held.pop(0):
                pass
    for permit in held:
        with permit:
            pass

    assert repr(gate) == "<Admission 0 permits, 0 bytes, 0 subjects>"


@given(st.floats(0, 1e6))
def test_retry_after_is_whole_seconds_around_the_prediction(seconds: float) -> None:
    """At least one."""
    retry_after = admission().retry_after(seconds)

    assert isinstance(retry_after, int)
    assert max(1, 0.5 * seconds) <= retry_after <= 1.5 * seconds + 1
