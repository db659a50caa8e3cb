"""Predicted sizes of answers are those of real ones, or somewhat above."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench.harness.documents import corpus
from scoring.bundle.bundle import Bundle, open_bundle
from service.api.request import Operation
from service.limits import RequestLimits
from service.scheduling.answer_size import predict_answer
from service.scheduling.features import FeatureReader, no_vocabulary
from service.worker.handler import ScoringHandler


@pytest.fixture(scope="module")
def bundle(demo_bundle: Path) -> Bundle:
    """Open the demonstration bundle."""
    return open_bundle(demo_bundle)


def sizes(bundle: Bundle, body: bytes, operation: Operation = "score") -> tuple[int, int]:
    """Return the predicted and the true size of an answer."""
    outcome = ScoringHandler(bundle, RequestLimits())(body, operation)
    assert outcome.code == "ok"
    features = FeatureReader(1000, no_vocabulary, Random(1)).read(body, operation)
    return predict_answer(features, operation, bundle.manifest.dimensions), len(outcome.body)


def body(n: int, *, ids: int = 0, **options: Any) -> bytes:
    """Serialise a request of n news stories; ids: letters of each id, 0 for none."""
    texts = corpus()
    documents = [texts[i % len(texts)] for i in range(n)]
    named = [{"id": f"{i:0{ids}}", "text": text} for i, text in enumerate(documents)]
    return json.dumps({"documents": named if ids else documents, **options}).encode()


OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"neighbours": 50},
    {"ids": 200, "neighbours": 20},
    {"similarity": "none"},
    {"similarity": "none", "vectors": True},
    {"similarity": "pairs"},
    {"similarity": "pairs", "threshold": -1},
    {"similarity": "pairs", "threshold": 0.1, "ids": 40},
    {"similarity": "matrix"},
    {"similarity": "matrix", "vectors": True},
)


@pytest.mark.parametrize("n", [1, 4, 40, 340])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_no_answer_is_larger_than_predicted(bundle: Bundle, n: int, options: dict[str, Any]) -> None:
    """Whatever is asked for, where the options are at an end of the body."""
    predicted, true = sizes(bundle, body(n, **options))

    assert true <= predicted


@pytest.mark.parametrize("options", [{}, {"similarity": "none"}, {"similarity": "none", "vectors": True}])
def test_a_prediction_is_not_absurd(bundle: Bundle, options: dict[str, Any]) -> None:
    """It is at most five times the size, although the quotes in the texts are taken for documents."""
    predicted, true = sizes(bundle, body(40, **options))

    assert predicted < 5 * true


def test_a_large_matrix_is_predicted_closely(bundle: Bundle) -> None:
    """To a quarter, as are many pairs: the quotes in the texts are told from others in a sample."""
    for options in ({"similarity": "matrix"}, {"similarity": "pairs", "threshold": -1}):
        predicted, true = sizes(bundle, body(340, **options))
        assert true <= predicted < 1.25 * true


def test_a_matrix_as_npy_is_predicted_to_the_byte(bundle: Bundle) -> None:
    """But for the number of documents, which the quotes of the options make three larger."""
    texts = {"documents": ["storm"] * 340, "similarity": "matrix"}
    predicted, true = sizes(bundle, json.dumps(texts).encode(), "score_npy")

    assert true == 128 + 4 * 340**2
    assert predicted == 128 + 4 * 343**2


def test_an_explanation_is_predicted_by_its_words(bundle: Bundle) -> None:
    """As if all of them were listed, and none occurred twice."""
    predicted, true = sizes(bundle, body(2, top=1_000), "explain")

    assert true <= predicted < 4 * true


def test_an_option_within_a_text_is_none(bundle: Bundle) -> None:
    """Its quotes are escaped there."""
    text = '"vectors": true, "neighbours": 100'
    with_it, _ = sizes(bundle, json.dumps({"documents": [text]}).encode())
    without, _ = sizes(bundle, json.dumps({"documents": [text.replace("r", "s")]}).encode())

    assert with_it == without
