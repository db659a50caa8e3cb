"""The model learns from measured times: quickly for one subject, and little of it for the others."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scheduling.cost import (
    MAX_CORRECTION,
    MAX_CORRECTIONS,
    MAX_DRIFT,
    MIN_CORRECTION,
    CostModel,
    Measured,
)
from service.scheduling.features import Features

NEWS = Features(1_000_000, 1, "neighbours", words=160_000, unknown=200)
UNKNOWN = Features(1_700_000, 8, "neighbours", words=200_000, unknown=200_000)
BRACKETS = Features(8 << 20, 1, "neighbours")
MATRIX = Features(10_000, 1000, "matrix", words=2_000, unknown=10)
SMALL = Features(300, 3, "neighbours", words=40, unknown=2)
KINDS = [NEWS, UNKNOWN, BRACKETS, MATRIX, SMALL]


def learn(model: CostModel, subject: str, features: Features, seconds: float, *, scored: bool = True) -> None:
    """Learn from a call with one body."""
    model.learn([Measured(subject, features, scored)], seconds)


def test_more_bytes_documents_and_unknown_words_cost_more() -> None:
    """And no body costs less than is expected of its size alone, where nothing is known of its subject."""
    model = CostModel()
    small = model.predict("s", SMALL)

    assert small < model.predict("s", Features(100_000, 3, "neighbours", words=40, unknown=2))
    assert small < model.predict("s", Features(300, 900, "neighbours", words=40, unknown=2))
    assert small < model.predict("s", Features(300, 3, "neighbours", words=40, unknown=20))
    assert model.expect("another", 300) <= small


def test_a_body_is_expected_to_cost_what_those_before_it_did() -> None:
    """In seconds for each byte, of the same subject; a matrix is asked for in few bytes."""
    model = CostModel()

    for _ in range(50):
        matrix = model.predict("matrices", MATRIX)
        model.predict("news", NEWS)

    assert model.expect("matrices", MATRIX.size) == pytest.approx(matrix)
    assert model.expect("matrices", 2 * MATRIX.size) == pytest.approx(2 * matrix)
    assert model.expect("news", MATRIX.size) < matrix / 10


def test_what_is_expected_follows_the_last_bodies() -> None:
    """After 100 cheap ones hardly anything of an expensive one is left."""
    model = CostModel()
    model.predict("s", MATRIX)

    for _ in range(100):
        model.predict("s", NEWS)

    assert model.expect("s", NEWS.size) == pytest.approx(model.predict("s", NEWS), rel=0.05)


@pytest.mark.parametrize("n_subjects", [1, 10])
@pytest.mark.parametrize("speed", [0.3, 1.0, 20.0])
def test_the_model_learns_the_speed_of_the_machine(speed: float, n_subjects: int) -> None:
    """After 2,000 noisy timings a prediction is within 60 % of the exact time for every size."""
    random = Random(1)
    model = CostModel()

    def features(n: int) -> Features:
        return Features(600 * n, n, "neighbours", words=100 * n, unknown=n)

    def exact(n: int) -> float:
        return speed * (80e-6 + 20e-6 * n + 30e-9 * n**2)

    for _ in range(2000):
        n = random.choice([4, 30, 300, 1000])
        subject = str(random.randrange(n_subjects))
        learn(model, subject, features(n), exact(n) * random.lognormvariate(0, 0.2))

    for n in (4, 30, 300, 1000):
        assert model.predict("0", features(n)) == pytest.approx(exact(n), rel=0.6)


@pytest.mark.parametrize("features", KINDS)
@pytest.mark.parametrize("wrong", [0.3, 4.0])
def test_a_few_bodies_are_enough_for_their_own_subject(features: Features, wrong: float) -> None:
    """Within a factor of 1.5 after five that cost much more, after thirty that cost much less."""
    model = CostModel()
    seconds = wrong * model.predict("s", features)

    for _ in range(5 if wrong > 1 else 30):
        learn(model, "s", features, seconds)

    assert 1 / 1.5 < model.predict("s", features) / seconds < 1.5


def test_one_outlier_changes_a_prediction_little() -> None:
    """A worker that was stopped for a minute raises the predictions for others by less than a fifth."""
    model = CostModel()
    before = model.predict("other", NEWS)

    learn(model, "s", NEWS, 60.0)

    assert before <= model.predict("other", NEWS) < 1.2 * before
    assert model.predict("s", NEWS) < 2 * before


@pytest.mark.parametrize("learned", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_what_one_kind_takes_changes_no_other(learned: Features, other: Features) -> None:
    """Many subjects send bodies of one kind that take four times as long: others are not taken for twice as long."""
    if learned is other:
        return
    model = CostModel()
    before = model.predict("fresh", other)
    seconds = 4 * model.predict("fresh", learned)

    for number in range(100):
        learn(model, str(number % 20), learned, seconds)

    assert model.predict("fresh", other) < 2 * before


def test_subjects_have_equal_votes_however_much_they_send() -> None:
    """What a third is predicted lies between the two, although one sends a hundred times as much."""
    model = CostModel()
    plain = model.predict("fresh", NEWS)
    learn(model, "modest", NEWS, plain)

    for _ in range(50):
        for _ in range(100):
            learn(model, "busy", NEWS, 5 * plain)
        learn(model, "modest", NEWS, plain)

    assert model.predict("fresh", NEWS) < 3.5 * plain
    assert model.predict("modest", NEWS) == pytest.approx(plain, rel=0.4)
    assert model.predict("busy", NEWS) == pytest.approx(5 * plain, rel=0.4)


def test_refused_bodies_are_learned_by_their_own_subject_alone() -> None:
    """They cost a part of what the same bodies would cost if they were scored."""
    model = CostModel()
    before = model.predict("other", NEWS)

    for _ in range(30):
        learn(model, "careless", NEWS, before / 20, scored=False)

    assert model.predict("other", NEWS) == before
    assert model.predict("careless", NEWS) == pytest.approx(before * MIN_CORRECTION)


def test_cheap_bodies_do_not_hide_expensive_ones_of_another_kind() -> None:
    """A subject that is known for requests that cost little pays for unknown words what all pay."""
    model = CostModel()
    before = model.predict("s", UNKNOWN)

    for _ in range(100):
        learn(model, "s", BRACKETS, 1e-3, scored=False)
        learn(model, "s", SMALL, 1e-4)

    assert model.predict("s", UNKNOWN) == pytest.approx(before, rel=0.1)


def test_a_body_is_not_blamed_for_those_that_share_its_call() -> None:
    """Each counts by its share of the prediction."""
    model = CostModel()
    mate = Features(30_000, 8, "neighbours", words=3_000, unknown=3_000)
    before = model.predict("light", SMALL)

    model.learn([Measured("light", SMALL, True), Measured("heavy", mate, True)], 0.2)

    assert model.predict("light", SMALL) < 1.05 * before


def test_a_bounded_number_of_corrections_is_kept() -> None:
    """Those that were used last."""
    model = CostModel()
    seconds = 3 * model.predict("fresh", SMALL)
    for _ in range(10):
        learn(model, "first", SMALL, seconds)

    for number in range(3 * MAX_CORRECTIONS):
        learn(model, str(number), SMALL, model.predict("fresh", SMALL))

    assert len(model) == MAX_CORRECTIONS
    assert model.predict("first", SMALL) == model.predict("fresh", SMALL)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 1e9), st.booleans()), max_size=200),
    st.integers(0, 10**9),
    st.integers(1, 1000),
)
def test_predictions_stay_positive_and_bounded(
    timings: list[tuple[str, float, bool]], size: int, n: int
) -> None:
    """No sequence of timings moves a prediction further than drift and correction together allow."""
    model = CostModel()
    features = Features(size, n, "matrix", size / 6, size / 60)
    first = model.predict("a", features)

    for subject, seconds, scored in timings:
        learn(model, subject, features, seconds, scored=scored)

    predicted = model.predict("a", features)
    assert first / MAX_DRIFT * MIN_CORRECTION / 1.01 <= predicted <= first * MAX_DRIFT * MAX_CORRECTION * 1.01
