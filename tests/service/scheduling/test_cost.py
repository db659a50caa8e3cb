"""Costs are predicted from a body that is not parsed, and the model learns from measured times."""

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scheduling.cost import MAX_DRIFT, CostModel, Features

TEXTS = st.text(st.characters(exclude_characters='"\\', codec="utf-8"), max_size=40)


def body(documents: list[object], **options: object) -> bytes:
    """Serialise a request."""
    return json.dumps({"documents": documents, **options}).encode()


@given(st.lists(TEXTS, min_size=1, max_size=30), st.sampled_from(["plain", "text", "id and text"]))
def test_the_documents_of_an_ordinary_body_are_counted_to_within_a_few(texts: list[str], shape: str) -> None:
    """The quotes give the number of documents; the other members of the request add at most three."""
    shapes: dict[str, list[object]] = {
        "plain": list(texts),
        "text": [{"text": text} for text in texts],
        "id and text": [{"id": str(position), "text": text} for position, text in enumerate(texts)],
    }

    documents = CostModel(1000).features(body(shapes[shape], similarity="pairs")).documents

    assert len(texts) <= documents <= len(texts) + 3


def test_the_documents_of_a_body_count_up_to_the_limit() -> None:
    """The worker refuses a larger request before it computes anything."""
    assert CostModel(1000).features(b'"' * 100_000).documents == 1000


@pytest.mark.parametrize("similarity", ["neighbours", "pairs", "matrix", "none"])
def test_the_similarity_is_found_before_and_after_the_documents(similarity: str) -> None:
    """Clients put the options before or after the documents."""
    documents = ["a text of some length"] * 200
    after = body(list(documents), similarity=similarity)
    before = json.dumps({"similarity": similarity, "documents": documents}).encode()

    found = {CostModel(1000).features(each).similarity for each in (before, after)}

    assert found == {similarity}


def test_a_body_of_any_bytes_has_features() -> None:
    """Nothing is parsed, so no body raises."""
    assert CostModel(1000).features(b"\xff\x00") == Features(2, 1, "neighbours")


def test_more_bytes_and_more_documents_cost_more() -> None:
    """A prediction is at least the least cost of a body of that size."""
    model = CostModel(1000)
    small = model.predict(Features(1000, 4, "neighbours"))

    assert small < model.predict(Features(100_000, 4, "neighbours"))
    assert small < model.predict(Features(1000, 900, "neighbours"))
    assert model.least(1000) <= small


@pytest.mark.parametrize("speed", [0.3, 1.0, 20.0])
def test_the_model_learns_the_speed_of_the_machine(speed: float) -> None:
    """After 2,000 noisy timings a prediction is within half of the exact time for every size."""
    random = Random(1)
    model = CostModel(1000)

    def took(features: Features) -> float:
        exact = 80e-6 + 15e-9 * features.size + 30e-9 * features.documents**2
        return exact * speed * random.lognormvariate(0, 0.2)

    for _ in range(2000):
        n = random.choice([4, 30, 300, 1000])
        features = Features(600 * n, n, "neighbours")
        model.learn(features, took(features))

    for n in (4, 30, 300, 1000):
        features = Features(600 * n, n, "neighbours")
        exact = (80e-6 + 15e-9 * features.size + 30e-9 * n**2) * speed
        assert model.predict(features) == pytest.approx(exact, rel=0.5)


def test_one_outlier_changes_a_prediction_little() -> None:
    """A worker that was stopped for a minute raises the prediction by less than a fifth."""
    model = CostModel(1000)
    features = Features(20_000, 32, "neighbours")
    before = model.predict(features)

    model.learn(features, 60.0)

    assert before < model.predict(features) < 1.2 * before


@given(st.lists(st.floats(0, 1e9), max_size=200), st.integers(0, 10**9), st.integers(1, 1000))
def test_predictions_stay_positive_and_bounded(timings: list[float], size: int, n: int) -> None:
    """No sequence of timings moves a prediction by more than `MAX_DRIFT`."""
    model = CostModel(1000)
    features = Features(size, n, "matrix")
    first = model.predict(features)

    for seconds in timings:
        model.learn(features, seconds)

    assert first / MAX_DRIFT / 1.01 <= model.predict(features) <= first * MAX_DRIFT * 1.01
