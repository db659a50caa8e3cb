"""Predicted sizes of answers are those of real ones, or somewhat above."""

import json
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from bench.harness.documents import corpus
from scoring.bundle.bundle import open_bundle
from service.api.request import Operation
from service.limits import RequestLimits
from service.scheduling.answer_size import predict_answer
from service.scheduling.features import FeatureReader, KnownModel
from service.scorers.handler import ScorerHandler, open_documents


class Scored(NamedTuple):
    """What answers, and what is known of its model."""

    handler: ScorerHandler
    model: KnownModel


@pytest.fixture(scope="module")
def scored(demo_bundle: Path) -> Scored:
    """Open the demonstration bundle."""
    manifest = open_bundle(demo_bundle).manifest
    model = KnownModel(dimensions=manifest.dimensions, clusters=manifest.clusters)
    return Scored(open_documents(demo_bundle, RequestLimits()), model)


def sizes(scored: Scored, body: bytes, operation: Operation = "score") -> tuple[int, int]:
    """Return the predicted and the true size of an answer."""
    outcome = scored.handler(body, operation)
    assert outcome.code == "ok"
    features = FeatureReader(1000, KnownModel(), Random(1)).read(body, operation)
    return predict_answer(features, operation, scored.model), len(outcome.body)


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
def test_no_answer_is_larger_than_predicted(scored: Scored, n: int, options: dict[str, Any]) -> None:
    """Whatever is asked for, where the options are at an end of the body."""
    predicted, true = sizes(scored, body(n, **options))

    assert true <= predicted


@pytest.mark.parametrize("options", [{}, {"similarity": "none"}, {"similarity": "none", "vectors": True}])
def test_a_prediction_is_not_absurd(scored: Scored, options: dict[str, Any]) -> None:
    """It is at most five times the size, although the quotes in the texts are taken for documents."""
    predicted, true = sizes(scored, body(40, **options))

    assert predicted < 5 * true


def test_a_large_matrix_is_predicted_closely(scored: Scored) -> None:
    """To a quarter, as are many pairs: the quotes in the texts are told from others in a sample."""
    for options in ({"similarity": "matrix"}, {"similarity": "pairs", "threshold": -1}):
        predicted, true = sizes(scored, body(340, **options))
        assert true <= predicted < 1.25 * true


def test_a_matrix_as_npy_is_predicted_to_the_byte(scored: Scored) -> None:
    """But for the number of documents, which the quotes of the options make three larger."""
    texts = {"documents": ["storm"] * 340, "similarity": "matrix"}
    predicted, true = sizes(scored, json.dumps(texts).encode(), "score_npy")

    assert true == 128 + 4 * 340**2
    assert predicted == 128 + 4 * 343**2


def test_an_explanation_is_predicted_by_its_words(scored: Scored) -> None:
    """As if all of them were listed, and none occurred twice."""
    predicted, true = sizes(scored, body(2, top=1_000), "explain")

    assert true <= predicted < 4 * true


def test_an_option_within_a_text_is_none(scored: Scored) -> None:
    """Its quotes are escaped there."""
    text = '"vectors": true, "neighbours": 100'
    with_it, _ = sizes(scored, json.dumps({"documents": [text]}).encode())
    without, _ = sizes(scored, json.dumps({"documents": [text.replace("r", "s")]}).encode())

    assert with_it == without
