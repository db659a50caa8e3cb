"""Which requests are admitted, and with which code and Retry-After the others are refused."""

from contextlib import ExitStack
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Refused
from service.limits import PoolLimits
from service.scheduling.admission import DEADLINE_MARGIN, Admission, Permit, QueueLoad
from service.scheduling.fair_queue import QUANTUM_S
from service.scheduling.holdings import OVERDRAFT

BODY = 1_000_000

BODIES_HELD = 32

IDLE = QueueLoad(running=0.0, queued=0.0, own=0.0, others=0, slots=2)


def admission(idle: list[str] | None = None) -> Admission:
    """Make an admission for two slots and a wait of at most 5 s; it appends to `idle` whenever it becomes idle."""
    capacity = PoolLimits(
        workers=2, max_body_bytes=BODY, body_budget_bytes=BODIES_HELD * BODY, queue_budget_s=5.0
    )
    notices = [] if idle is None else idle
    return Admission(capacity, Random(7), lambda: notices.append("idle"))


def refusal(load: QueueLoad, cost: float = 0.1, time_left: float = 30.0) -> tuple[str, int]:
    """Return the code and the Retry-After of a job that must be refused."""
    with pytest.raises(Refused) as caught:
        admission().check_wait(cost, time_left, load)
    assert caught.value.retry_after is not None
    return caught.value.code, caught.value.retry_after


def test_an_idle_pool_takes_any_job() -> None:
    """A job that costs more than the whole budget is admitted too, since nothing waits."""
    admission().check_wait(100.0, 30.0, IDLE)


def test_a_subject_alone_may_use_the_whole_budget() -> None:
    """A wait of 5 s on two slots is 10 s of work."""
    admission().check_wait(0.1, 30.0, IDLE._replace(queued=9.8, own=9.8))


def test_a_full_queue_refuses_and_names_the_wait() -> None:
    """Retry-After is about the time until the waiting jobs are done."""
    code, retry_after = refusal(IDLE._replace(queued=12.0, own=12.0))

    assert code == "overloaded"
    assert retry_after in range(3, 10)


def test_a_subject_over_its_share_gets_its_own_code_while_others_wait() -> None:
    """The code is `quota_exceeded`: the subject is over its share, the server is not overloaded."""
    code, _ = refusal(IDLE._replace(queued=6.0, own=5.5, others=1))

    assert code == "quota_exceeded"


def test_a_late_subject_gets_its_share_of_a_full_queue() -> None:
    """The other subject filled the queue while it was alone."""
    admission().check_wait(0.1, 30.0, IDLE._replace(running=1.0, queued=10.0, others=1))


def test_the_shares_of_late_subjects_are_bounded() -> None:
    """A queue of more than `OVERDRAFT` times the budget refuses every subject."""
    code, _ = refusal(IDLE._replace(queued=10.0 * OVERDRAFT + 1, others=7))

    assert code == "overloaded"


def test_a_predicted_wait_beyond_the_deadline_is_refused() -> None:
    """The client would not wait for the answer."""
    code, _ = refusal(IDLE._replace(queued=4.0, own=4.0), time_left=1.5)

    assert code == "overloaded"


@pytest.mark.parametrize(
    ("time_left", "admitted"), [(2.0 * DEADLINE_MARGIN, True), (1.9 * DEADLINE_MARGIN, False)]
)
def test_a_wait_needs_a_margin_before_the_deadline(time_left: float, admitted: bool) -> None:
    """The prediction may be too low, and a refusal now is better than a 504 later."""
    load = IDLE._replace(queued=4.0, own=4.0)
    assert load.wait == 2.0

    if admitted:
        admission().check_wait(0.1, time_left, load)
    else:
        assert refusal(load, time_left=time_left)[0] == "overloaded"


def test_a_new_subject_waits_for_one_turn_of_another() -> None:
    """Subjects take turns, so the other subject's long queue delays the new one by one quantum."""
    load = QueueLoad(running=0.5, queued=20.0, own=0.0, others=1, slots=1)

    assert load.wait == pytest.approx(0.5 + QUANTUM_S)


def test_a_subject_alone_waits_for_all_of_the_work() -> None:
    """The slots share the running and the queued work."""
    assert QueueLoad(running=1.0, queued=5.0, own=5.0, others=0, slots=2).wait == pytest.approx(3.0)


def test_bodies_beyond_the_byte_budget_are_refused() -> None:
    """They are refused before they are read, because they would be held in memory."""
    gate = admission()
    with ExitStack() as permits:
        for _ in range(BODIES_HELD + 1):
            permits.enter_context(gate.admit("greedy", BODY))

        with pytest.raises(Refused, match="bodies") as caught:
            gate.admit("greedy", BODY)

    assert caught.value.code == "overloaded"


def test_a_late_subject_may_bring_a_body_past_the_byte_budget() -> None:
    """One subject's bodies do not keep out another's."""
    gate = admission()
    with ExitStack() as permits:
        for _ in range(BODIES_HELD + 1):
            permits.enter_context(gate.admit("greedy", BODY))

        permits.enter_context(gate.admit("late", BODY))

        assert gate.permits == BODIES_HELD + 2


def test_a_body_of_unknown_size_counts_as_the_largest() -> None:
    """It may have the largest size that is allowed."""
    gate = admission()

    gate.admit("s", None)

    assert repr(gate) == f"<Admission 1 permits, {BODY} bytes, 1 subjects>"


def test_a_permit_is_released_once() -> None:
    """Its context may be left twice."""
    notices: list[str] = []
    gate = admission(notices)
    permit = gate.admit("s", 10)

    for _ in range(2):
        with permit:
            pass

    assert repr(gate) == "<Admission 0 permits, 0 bytes, 0 subjects>"
    assert notices == ["idle"]


def test_a_released_permit_gives_its_answer_back() -> None:
    """Whatever it was charged with last."""
    gate = admission()
    with gate.admit("s", 10) as permit:
        gate.charge_answer(permit, 5_000)
        gate.charge_answer(permit, 7_000)
        assert gate.answers.held == 7_000

    assert gate.answers.held == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0, 1, 5000, None]), st.booleans())))
def test_permits_released_in_any_order_leave_no_count(requests: list[tuple[str, int | None, bool]]) -> None:
    """The counts of permits, bytes and subjects return to zero."""
    gate = admission()
    held: list[Permit] = []
    for subject, size, release in requests:
        held.append(gate.admit(subject, size))
        if release:
            with held.pop(0):
                pass
    for permit in held:
        with permit:
            pass

    assert repr(gate) == "<Admission 0 permits, 0 bytes, 0 subjects>"


@given(st.floats(0, 1e6))
def test_retry_after_is_whole_seconds_around_the_prediction(seconds: float) -> None:
    """It is at least 1 and within the jitter of the prediction."""
    retry_after = admission().retry_after(seconds)

    assert isinstance(retry_after, int)
    assert max(1, 0.5 * seconds) <= retry_after <= 1.5 * seconds + 1
