"""What subjects hold is counted and forgotten."""

from hypothesis import given
from hypothesis import strategies as st

from service.scheduling.holdings import Holdings

CHANGES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1000)))


@given(CHANGES)
def test_the_total_is_the_sum_and_only_holders_are_counted(changes: list[tuple[str, int]]) -> None:
    """A subject that holds nothing is in no book."""
    holdings = Holdings()
    for subject, size in changes:
        holdings.change(subject, size)

    assert holdings.total == sum(map(holdings.of, "abc")) == sum(size for _, size in changes)
    assert holdings.subjects == sum(holdings.of(subject) > 0 for subject in "abc")


@given(CHANGES)
def test_what_is_given_back_leaves_no_trace(changes: list[tuple[str, int]]) -> None:
    """In whatever order."""
    holdings = Holdings()
    for subject, size in changes:
        holdings.change(subject, size)
    for subject, size in sorted(changes):
        holdings.change(subject, -size)

    assert repr(holdings) == "<Holdings 0 bytes, 0 subjects>"


def test_a_fair_share_counts_the_subject_itself_once() -> None:
    """Whether or not it holds something already."""
    holdings = Holdings()
    holdings.change("a", 1)
    holdings.change("b", 1)

    assert holdings.fair_share("a", 600) == 300
    assert holdings.fair_share("c", 600) == 200
