"""A slot whose workers keep dying waits longer before each new worker."""

from random import Random

from service.pool.backoff import FREE_DEATHS, LONGEST_PAUSE_S, WINDOW_S, Backoff


def test_the_first_deaths_cause_no_pause() -> None:
    """A worker is replaced at once up to `FREE_DEATHS` times."""
    backoff = Backoff(Random(1))

    assert [backoff.died(float(second)) for second in range(FREE_DEATHS)] == [0.0] * FREE_DEATHS


def test_further_deaths_double_the_pause_up_to_a_limit() -> None:
    """Each pause has a jitter of half of it."""
    backoff = Backoff(Random(1))
    pauses = [backoff.died(second * 0.01) for second in range(FREE_DEATHS + 40)][FREE_DEATHS:]

    assert 0.1 <= pauses[0] <= 0.3
    assert pauses[4] > pauses[0]
    assert max(pauses) <= 1.5 * LONGEST_PAUSE_S


def test_an_answer_resets_the_pause() -> None:
    """A slot that answers between its deaths is not broken."""
    backoff = Backoff(Random(1))
    for _ in range(20):
        backoff.died(0.0)

    backoff.answered()

    assert backoff.died(0.0) == 0.0


def test_old_deaths_do_not_count() -> None:
    """Only those of the last `WINDOW_S` seconds count."""
    backoff = Backoff(Random(1))
    for _ in range(FREE_DEATHS):
        backoff.died(0.0)

    assert backoff.died(WINDOW_S) == 0.0
