"""Documents that are all equal, alone, or without any known word: every answer is finite and has its shape."""

import io
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest

from scoring.bundle.bundle import write_bundle
from service.api.response import ScoreResponse
from service.limits import RequestLimits
from service.scorers.handler import ScorerHandler, open_documents
from tests.support.small_bundle import WORDS, model

SIMILARITIES = ("neighbours", "pairs", "matrix", "none")

# The storm and the harbour point in opposite directions; "the" has a vector of zeros.
OPPOSITE = np.array(
    [[0, 0, 0, 0], [1, 2, 3, 4], [-1, -2, -3, -4], [1, 0, 0, 0], [0, 1, 0, 0], [1, 2, 3, 4]], np.float32
)

MODELS: dict[str, dict[str, Any]] = {
    "sif": {},
    "mean": {"pooling": "mean", "components": np.empty((0, 4), np.float32)},
    "no n-grams": {"ngram_vectors": None},
    "opposite": {
        "word_vectors": OPPOSITE,
        "word_weights": np.ones(6, np.float32),
        "ngram_vectors": None,
        "components": np.empty((0, 4), np.float32),
        "pooling": "mean",
    },
    "zeros": {
        "word_vectors": np.zeros((6, 4), np.float32),
        "ngram_vectors": np.zeros((50, 4), np.float32),
        "centroids": np.zeros((3, 4), np.float32),
    },
}

DOCUMENTS = {
    "one": ["storm harbour"],
    "one without a token": ["12 34"],
    "equal": ["the storm"] * 7,
    "equal, many": ["storms"] * 450,
    "unknown": ["xqzw", "xqzw", "qqqqjjj"],
    "without a token": ["", "…", "7"],
    "opposite": ["storm", "harbour", "storm harbour", "the"],
    "mixed": ["", "storm", "storm", "the", "x", "непогода"],
}


@pytest.fixture(scope="module", params=MODELS)
def handler(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ScorerHandler:
    """Return a handler with one model after the other."""
    path: Path = tmp_path_factory.mktemp("degenerate") / "bundle"
    write_bundle(path, model(words=WORDS, **MODELS[request.param]))
    return open_documents(path, RequestLimits())


@pytest.fixture(scope="module")
def long_ngrams(tmp_path_factory: pytest.TempPathFactory) -> ScorerHandler:
    """Return a handler whose model has n-grams of 5 characters and more: shorter unknown words have zeros."""
    path: Path = tmp_path_factory.mktemp("long") / "bundle"
    write_bundle(path, model(min_n=5, max_n=6))
    return open_documents(path, RequestLimits())


def finite(text: bytes) -> Any:
    """Decode JSON; fail for a number that is none."""

    def refuse(name: str) -> None:
        raise AssertionError(name)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("vectors", [False, True])
@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("documents", DOCUMENTS.values(), ids=DOCUMENTS)
def test_every_answer_is_finite(
    handler: ScorerHandler, documents: list[str], similarity: str, vectors: bool
) -> None:
    """In JSON: nulls only where the contract has them, and every row of the length it should have."""
    request = {"documents": documents, "similarity": similarity, "vectors": vectors, "threshold": -1}

    answer = handler(orjson.dumps(request), "score")

    assert answer.code == "ok", answer.body
    msgspec.json.decode(answer.body, type=ScoreResponse)
    decoded = finite(answer.body)
    n_docs = len(documents)
    assert len(decoded["documents"]) == n_docs
    for document in decoded["documents"]:
        placed = [document[name] is not None for name in ("cluster", "distance", "margin", "outlier")]
        assert len(set(placed)) == 1
        assert (document["known"] is None) == (document["tokens"] == 0)
        if similarity == "neighbours":
            assert len(document["neighbours"]) <= min(5, n_docs - 1)
        if vectors:
            assert len(document["vector"]) == 4
            assert None not in document["vector"]
    assert sum(cluster["size"] for cluster in decoded["clusters"]) <= n_docs
    assert all(isinstance(cluster["cohesion"], float) for cluster in decoded["clusters"])
    if similarity == "matrix":
        matrix = np.array(decoded["matrix"], float)
        assert matrix.shape == (n_docs, n_docs)
        assert np.isfinite(matrix).all()


@pytest.mark.parametrize("documents", DOCUMENTS.values(), ids=DOCUMENTS)
def test_every_matrix_is_finite(handler: ScorerHandler, documents: list[str]) -> None:
    """As `.npy`, and the same as in JSON."""
    body = orjson.dumps({"documents": documents, "similarity": "matrix"})

    matrix = np.load(io.BytesIO(handler(body, "score_npy").take_body()), allow_pickle=False)

    assert (matrix.dtype, matrix.shape) == (np.float32, (len(documents),) * 2)
    assert np.isfinite(matrix).all()
    assert np.abs(matrix).max() <= 1
    written = np.array(finite(handler(body, "score").take_body())["matrix"], np.float32)
    assert np.array_equal(matrix, written)


def test_equal_documents_are_as_similar_as_can_be(handler: ScorerHandler) -> None:
    """They are each other's neighbours, by position; unless their vectors are zero, which have no neighbours."""
    body = orjson.dumps({"documents": ["storm"] * 4, "neighbours": 2, "vectors": True})

    documents = finite(handler(body, "score").take_body())["documents"]

    present = any(documents[0]["vector"])
    nearest = [[near["id"] for near in document["neighbours"]] for document in documents]
    assert nearest == ([["1", "2"], ["0", "2"], ["0", "1"], ["0", "1"]] if present else [[]] * 4)
    similarities = {near["similarity"] for document in documents for near in document["neighbours"]}
    assert similarities == ({1} if present else set())


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_vector_of_zeros_claims_nothing(long_ngrams: ScorerHandler, similarity: str) -> None:
    """Such a document has no cluster, no neighbours and no pairs, but its true numbers of tokens and known words."""
    request = {"documents": ["storm", "qx", "storm harbour", "zz"], "similarity": similarity, "threshold": -1}

    decoded = finite(long_ngrams(orjson.dumps(request), "score").take_body())

    for number, tokens, known in ((1, 1, 0), (3, 1, 0)):
        document = decoded["documents"][number]
        nowhere = {name: document[name] for name in ("cluster", "distance", "margin", "outlier")}
        assert set(nowhere.values()) == {None}
        assert (document["tokens"], document["known"]) == (tokens, known)
        assert document.get("neighbours", []) == []
        if similarity == "matrix":
            assert not any(decoded["matrix"][number])
    claimed = [near["id"] for document in decoded["documents"] for near in document.get("neighbours", [])]
    claimed += [pair[end] for pair in decoded.get("pairs", []) for end in "ab"]
    assert not {"1", "3"} & set(claimed)


def test_zero_vectors_add_nothing_to_an_explanation(long_ngrams: ScorerHandler) -> None:
    """Without a vector the similarity is 0, and so is what each word adds to it."""
    body = orjson.dumps({"documents": ["storm", "qx zz"]})

    explained = finite(long_ngrams(body, "explain").take_body())

    words = [word for document in explained["documents"] for word in document["contributions"]]
    assert explained["similarity"] == 0
    assert [word["contribution"] for word in words] == [0] * 3
