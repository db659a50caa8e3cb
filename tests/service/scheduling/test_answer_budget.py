"""Which answers may be held, and how much all of them can ever hold."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle as Values
from hypothesis.stateful import RuleBasedStateMachine, consumes, invariant, rule

from service.errors import Refused
from service.limits import PoolLimits
from service.scheduling.admission import Admission
from service.scheduling.answer_budget import SMALL_ANSWER_BYTES, SMALL_RESERVE, AnswerBudget
from service.scheduling.holdings import OVERDRAFT

KIB = 1024
LARGE = 100 * KIB
BUDGET = 10 * LARGE


def budget() -> AnswerBudget:
    """Make a budget of ten large answers."""
    return AnswerBudget(BUDGET, round)


def full(subject: str = "greedy") -> AnswerBudget:
    """Make a budget that one subject has used up."""
    answers = budget()
    for _ in range(10):
        answers.charge(subject, 0, LARGE)
    return answers


def test_a_large_answer_beyond_the_budget_is_refused() -> None:
    """The sentence has the values and the limit, and says whose answers they are."""
    answers = full()

    with pytest.raises(Refused) as caught:
        answers.charge("greedy", 0, LARGE)

    assert caught.value.code == "overloaded"
    assert caught.value.retry_after == 2
    assert caught.value.detail == (
        "answers that are not read yet hold 1024000 bytes, 1024000 of them yours, and this one may have 102400; the "
        "limit is 1024000 for all; read your answers, ask for less, or try again later"
    )
    assert answers.held == BUDGET


def test_a_small_answer_still_comes_in() -> None:
    """Also for the subject that has used the budget up, as far as its reserve goes."""
    answers = full()
    for _ in range(int((SMALL_RESERVE - 1) * BUDGET // SMALL_ANSWER_BYTES)):
        answers.charge("greedy", 0, SMALL_ANSWER_BYTES)

    with pytest.raises(Refused):
        answers.charge("greedy", 0, SMALL_ANSWER_BYTES)


def test_a_late_subject_gets_its_share() -> None:
    """Half of the budget, although the other one has used all of it and small answers beside."""
    answers = full()
    answers.charge("greedy", 0, SMALL_ANSWER_BYTES)
    for _ in range(5):
        answers.charge("late", 0, LARGE)

    with pytest.raises(Refused):
        answers.charge("late", 0, LARGE)


def test_the_shares_of_late_subjects_are_bounded() -> None:
    """The fourth subject's would be a quarter, but all of them stay below `OVERDRAFT` times the budget."""
    answers = full()
    answers.charge("second", 0, BUDGET // 2)
    answers.charge("third", 0, BUDGET // 3)

    with pytest.raises(Refused):
        answers.charge("fourth", 0, BUDGET // 4)

    answers.charge("fourth", 0, OVERDRAFT * BUDGET - answers.held)


def test_the_largest_answer_fits_when_nothing_is_held() -> None:
    """Whatever was predicted, a wrong guess alone refuses no request."""
    limits = PoolLimits()
    admission = Admission(limits, Random(1), lambda: None)
    with admission.admit("s", 1) as permit:
        admission.charge_answer(permit, limits.max_answer_bytes)

        assert admission.answers.held == limits.max_answer_bytes


def test_an_answer_larger_than_predicted_is_measured_by_the_same_rules() -> None:
    """It stays charged as predicted when it is refused."""
    answers = budget()
    for _ in range(10):
        answers.charge("s", 0, LARGE // 10)
    for _ in range(9):
        answers.charge("s", LARGE // 10, LARGE)
    answers.charge("other", 0, LARGE // 10)

    with pytest.raises(Refused):
        answers.charge("s", LARGE // 10, LARGE)

    assert answers.held == 9 * LARGE + 2 * LARGE // 10


@given(st.integers(0, 3 * BUDGET), st.integers(0, 3 * BUDGET))
def test_a_charge_can_always_become_less(size: int, less: int) -> None:
    """Whatever is held: an answer that is smaller than predicted is never refused."""
    answers = AnswerBudget(10 * BUDGET, round)
    answers.charge("s", 0, size)

    answers.charge("s", size, min(size, less))

    assert answers.held == min(size, less)


class AnswerBudgetMachine(RuleBasedStateMachine):
    """Any order of predictions, true sizes and releases of four subjects, each as large as it likes."""

    charges = Values("charges")

    def __init__(self) -> None:
        super().__init__()
        self.answers = budget()
        self.held = dict.fromkeys("abcd", 0)

    def charge(self, subject: str, before: int, size: int) -> int:
        """Charge what fits; return what is charged now."""
        try:
            self.answers.charge(subject, before, size)
        except Refused:
            return before
        self.held[subject] += size - before
        return size

    @rule(target=charges, subject=st.sampled_from("abcd"), size=st.integers(0, BUDGET))
    def predict(self, subject: str, size: int) -> tuple[str, int]:
        """Submit a job."""
        return subject, self.charge(subject, 0, size)

    @rule(target=charges, charge=consumes(charges), size=st.integers(0, BUDGET))
    def measure(self, charge: tuple[str, int], size: int) -> tuple[str, int]:
        """Take its outcome."""
        subject, before = charge
        return subject, self.charge(subject, before, size)

    @rule(charge=consumes(charges))
    def release(self, charge: tuple[str, int]) -> None:
        """Give all of it to the kernel."""
        assert self.charge(*charge, 0) == 0

    @rule(subject=st.sampled_from("abcd"))
    def ask_for_little(self, subject: str) -> None:
        """Give a subject that holds nothing a small answer, unless the overdraft of all is used up."""
        if not self.held[subject] and self.answers.held + KIB <= OVERDRAFT * BUDGET:
            assert self.charge(subject, 0, KIB) == KIB
            self.charge(subject, KIB, 0)

    @invariant()
    def bounds_hold(self) -> None:
        """One subject's charges and those of all stay within what the module promises."""
        assert self.answers.held == sum(self.held.values()) <= OVERDRAFT * BUDGET
        assert max(self.held.values()) <= SMALL_RESERVE * BUDGET
        assert self.answers.subjects == sum(held > 0 for held in self.held.values())


TestAnswerBudgetMachine = AnswerBudgetMachine.TestCase
TestAnswerBudgetMachine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
