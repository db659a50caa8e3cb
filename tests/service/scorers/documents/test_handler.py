"""The worker's handler turns a request's bytes into an answer's bytes; no process or socket is involved."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from gensim.test.utils import datapath
from numpy.typing import NDArray

from scoring.bundle.bundle import open_bundle
from scoring.embedding.embedder import Embedder
from scoring.texts.corpus import read_corpus
from service.api.request import Operation
from service.api.response import ScoreResponse
from service.limits import RequestLimits
from service.scorers.handler import ScorerHandler, open_documents
from tests.support.answers import answer_all

STORIES = list(read_corpus(Path(datapath("lee.cor")), encoding="latin-1"))[:12]


@pytest.fixture(scope="module")
def handler(demo_bundle: Path) -> ScorerHandler:
    """Return a handler with the demonstration model and the default limits."""
    return open_documents(demo_bundle, RequestLimits())


@pytest.fixture(scope="module")
def cosines(demo_bundle: Path) -> NDArray[np.float64]:
    """Return the cosines of the stories, computed in float64 from the vectors."""
    vectors = Embedder(open_bundle(demo_bundle)).embed(STORIES).doc_vectors.astype(np.float64)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    product: NDArray[np.float64] = units @ units.T
    return product


def ask(handler: ScorerHandler, **request: object) -> dict[str, Any]:
    """Return the decoded answer to a request that must succeed."""
    answer = handler(orjson.dumps(request), "score")
    assert answer.code == "ok", answer.body
    decoded: dict[str, Any] = orjson.loads(answer.body)
    return decoded


def test_an_answer_has_the_documented_shape(handler: ScorerHandler) -> None:
    """Every answer fits the types that the OpenAPI document is made from."""
    import msgspec  # noqa: PLC0415

    for similarity in ("neighbours", "pairs", "matrix", "none"):
        body = orjson.dumps({"documents": [*STORIES, ""], "similarity": similarity, "vectors": True})

        answer = handler(body, "score")

        msgspec.json.decode(answer.body, type=ScoreResponse)


def test_an_answer_has_only_the_requested_members(handler: ScorerHandler) -> None:
    """`pairs`, `truncated`, `matrix`, `neighbours` and `vector` appear only on request."""
    plain = ask(handler, documents=STORIES, similarity="none")
    full = ask(handler, documents=STORIES, similarity="matrix", vectors=True)

    assert set(plain) == {"model", "documents", "clusters"}
    members = {"id", "cluster", "distance", "margin", "outlier", "tokens", "known"}
    assert set(plain["documents"][0]) == members
    assert set(full) == {"model", "documents", "clusters", "matrix"}
    assert set(full["documents"][0]) == members | {"vector"}


def test_neighbours_equal_a_sort_of_all_cosines(handler: ScorerHandler, cosines: NDArray[np.float64]) -> None:
    """A document's neighbours are the highest cosines of its row without itself, highest first."""
    answer = ask(handler, documents=STORIES, neighbours=4)

    for row, document in enumerate(answer["documents"]):
        order = [j for j in np.argsort(-cosines[row], kind="stable") if j != row][:4]
        assert [neighbour["id"] for neighbour in document["neighbours"]] == [str(j) for j in order]
        values = [neighbour["similarity"] for neighbour in document["neighbours"]]
        assert values == pytest.approx([cosines[row, j] for j in order], abs=1e-5)


def test_pairs_are_all_those_above_the_threshold(
    handler: ScorerHandler, cosines: NDArray[np.float64]
) -> None:
    """Each pair is named by its ids, the earlier document first."""
    answer = ask(handler, documents=STORIES, similarity="pairs", threshold=0.1)

    n = len(STORIES)
    expected = [(str(i), str(j)) for i in range(n) for j in range(i + 1, n) if cosines[i, j] >= 0.1]
    assert [(pair["a"], pair["b"]) for pair in answer["pairs"]] == expected
    assert answer["truncated"] is False


def test_the_matrix_is_the_same_in_both_formats(handler: ScorerHandler) -> None:
    """`Accept: application/x-npy` gives the float32 values that the JSON shows."""
    body = orjson.dumps({"documents": STORIES, "similarity": "matrix"})

    file = np.load(io.BytesIO(handler(body, "score_npy").body), allow_pickle=False)

    matrix = np.array(orjson.loads(handler(body, "score").body)["matrix"], dtype=np.float32)
    assert file.dtype == np.float32
    np.testing.assert_array_equal(file, matrix)


def test_npy_without_a_matrix_is_not_acceptable(handler: ScorerHandler) -> None:
    """Neighbours cannot be sent as `.npy`."""
    answer = handler(orjson.dumps({"documents": STORIES}), "score_npy")

    assert answer.code == "not_acceptable"


def test_a_text_without_words_is_all_null(handler: ScorerHandler) -> None:
    """A document without a vector has null where a number cannot be computed, never NaN."""
    answer = ask(handler, documents=[{"id": "digits", "text": "2001 - 42"}, STORIES[0]])

    assert answer["documents"][0] == {
        "id": "digits",
        "cluster": None,
        "distance": None,
        "margin": None,
        "outlier": None,
        "tokens": 0,
        "known": None,
        "neighbours": [],
    }


def test_the_facts_count_the_work(handler: ScorerHandler) -> None:
    """The server counts documents, pairs, tokens and clusters without reading the answer."""
    answer = handler(orjson.dumps({"documents": [*STORIES, "zzzz xqzt"]}), "score")

    facts = answer.facts
    assert (facts.documents, facts.pairs) == (13, 78)
    assert facts.tokens > facts.known > 0
    assert sum(size for _, size in facts.clusters) == 13
    assert [stage for stage, _ in facts.stages] == ["decode", "embed", "cluster", "similarity", "encode"]


def test_an_invalid_request_is_an_answer(handler: ScorerHandler) -> None:
    """Invalid input does not raise; the answer has a code and a pointer to the fault."""
    answer = handler(b'{"documents": [{"text": 5}]}', "score")

    assert answer.code == "invalid_document"
    assert orjson.loads(answer.body)["errors"][0]["pointer"] == "/documents/0/text"


@pytest.mark.parametrize("similarity", ["neighbours", "pairs", "matrix", "none"])
def test_a_batch_gets_the_same_answers_as_single_requests(handler: ScorerHandler, similarity: str) -> None:
    """The batch may mix valid and invalid requests."""
    bodies = [
        orjson.dumps({"documents": STORIES[:3], "similarity": similarity, "vectors": True}),
        b"not JSON",
        orjson.dumps({"documents": [""], "similarity": similarity}),
        orjson.dumps({"documents": STORIES[3:], "similarity": similarity, "threshold": 0.1}),
    ]
    operations: list[Operation] = ["score"] * len(bodies)

    together = answer_all(handler, bodies, operations)

    alone = [handler(body, operation) for body, operation in zip(bodies, operations, strict=True)]
    assert [answer.code for answer in together] == [answer.code for answer in alone]
    assert [answer.facts._replace(stages=()) for answer in together] == [
        answer.facts._replace(stages=()) for answer in alone
    ]
    for one, other in zip(together, alone, strict=True):
        assert orjson.loads(one.body) == approximately(orjson.loads(other.body))


def test_a_batch_may_have_only_invalid_requests(handler: ScorerHandler) -> None:
    """Nothing is embedded then."""
    assert [answer.code for answer in answer_all(handler, [b"{", b"[]"], ["score", "score"])] == [
        "invalid_json",
        "invalid_document",
    ]


def test_each_request_of_a_batch_has_all_stages(handler: ScorerHandler) -> None:
    """Stages that ran once for the whole batch are included."""
    body = orjson.dumps({"documents": STORIES[:2]})

    for answer in answer_all(handler, [body, body], ["score", "score"]):
        assert [name for name, _ in answer.facts.stages] == [
            "decode", "embed", "cluster", "similarity", "encode",
        ]  # fmt: skip


def approximately(value: Any) -> Any:
    """Return the same structure with each float replaced by one that compares within 1e-5."""
    if isinstance(value, float):
        return pytest.approx(value, abs=1e-5)
    if isinstance(value, list):
        return [approximately(each) for each in value]
    if isinstance(value, dict):
        return {key: approximately(each) for key, each in value.items()}
    return value
