"""The worker's handler explains a similarity from a request's bytes; no process or socket is involved."""

from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from gensim.test.utils import datapath

from scoring.texts.corpus import read_corpus
from service.api.request import Operation
from service.api.response import ExplainResponse
from service.limits import RequestLimits
from service.scorers.handler import ScorerHandler, open_documents
from tests.support.answers import answer_all

STORIES = list(read_corpus(Path(datapath("lee.cor")), encoding="latin-1"))[:4]


@pytest.fixture(scope="module")
def handler(demo_bundle: Path) -> ScorerHandler:
    """Return a handler with the demonstration model and the default limits."""
    return open_documents(demo_bundle, RequestLimits())


def explained(handler: ScorerHandler, **request: object) -> ExplainResponse:
    """Return the decoded answer to a request that must succeed, which fits its published type."""
    answer = handler(orjson.dumps(request), "explain")
    assert answer.code == "ok", answer.body
    return msgspec.json.decode(answer.body, type=ExplainResponse)


@pytest.mark.parametrize("top", [1, 3, 1_000])
def test_what_is_listed_and_the_rest_add_up_to_the_similarity(handler: ScorerHandler, top: int) -> None:
    """However few are listed, as the contract has it: to 1e-5."""
    answer = explained(handler, documents=[STORIES[0], f"{STORIES[1]} zzyzx"], top=top)

    for document in answer.documents:
        listed = [word.contribution for word in document.contributions]
        assert len(listed) == top or (top == 1_000 and document.rest == 0)
        assert sum(listed) + document.rest == pytest.approx(answer.similarity, abs=1e-5)


def test_documents_are_named_and_twenty_words_listed(handler: ScorerHandler) -> None:
    """By their ids or positions, as in scoring; a word that the model does not know is marked."""
    answer = explained(handler, documents=[{"id": "a", "text": STORIES[0]}, "zzyzx"])

    assert [document.id for document in answer.documents] == ["a", "1"]
    assert len(answer.documents[0].contributions) == 20
    (word,) = answer.documents[1].contributions
    assert (word.token, word.count, word.known) == ("zzyzx", 1, False)


def test_a_batch_may_mix_operations(handler: ScorerHandler) -> None:
    """Each body is answered as alone, in its place."""
    two = orjson.dumps({"documents": STORIES[:2]})
    operations: list[Operation] = ["score", "explain", "score_npy", "explain"]
    bodies = [two, two, two, b"{}"]

    together = answer_all(handler, bodies, operations)

    alone = [handler(body, operation) for body, operation in zip(bodies, operations, strict=True)]
    assert [answer.code for answer in together] == ["ok", "ok", "not_acceptable", "invalid_document"]
    assert [answer.body for answer in together] == [answer.body for answer in alone]


def test_the_facts_count_the_work(handler: ScorerHandler) -> None:
    """Two documents, their pair and their words; no document is assigned to a cluster."""
    facts = handler(orjson.dumps({"documents": [STORIES[0], "zzyzx zzyzx"]}), "explain").facts

    assert (facts.documents, facts.pairs, facts.clusters) == (2, 1, ())
    assert facts.tokens - facts.known >= 2
    assert [stage for stage, _ in facts.stages] == ["decode", "similarity", "encode"]


@pytest.mark.parametrize(
    ("request_", "code", "pointer"),
    [
        ({"documents": ["a"]}, "invalid_document", "/documents"),
        ({"documents": ["a", "b", "c"]}, "invalid_document", "/documents"),
        ({"documents": []}, "invalid_document", "/documents"),
        ({"documents": ["a", 1]}, "invalid_document", "/documents/1"),
        ({"documents": ["a", {"id": "0", "text": "b"}]}, "duplicate_id", "/documents/1"),
        ({"documents": ["a", "b"], "top": 0}, "invalid_option", "/top"),
        ({"documents": ["a", "b"], "top": 1_001}, "invalid_option", "/top"),
        ({"documents": ["a", "b"], "top": 1.5}, "invalid_option", "/top"),
        ({"documents": ["a", "b"], "similarity": "none"}, "invalid_option", "/similarity"),
        ({"documents": ["a"] * 1_001}, "too_many_documents", "/documents"),
        ({"documents": ["a", "b" * 262_145]}, "document_too_large", "/documents/1"),
    ],
)
def test_an_invalid_request_points_to_the_fault(
    handler: ScorerHandler, request_: dict[str, Any], code: str, pointer: str
) -> None:
    """With the codes of scoring."""
    answer = handler(orjson.dumps(request_), "explain")

    assert answer.code == code
    assert orjson.loads(answer.body)["errors"][0]["pointer"] == pointer


def test_a_whole_number_may_be_written_as_a_float(handler: ScorerHandler) -> None:
    """As the options of scoring."""
    answer = handler(b'{"documents": ["storm", "storms"], "top": 5.0}', "explain")

    assert answer.code == "ok"
