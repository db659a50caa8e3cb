"""A Devanagari, an Arabic and a Japanese text through training, serving and explanations."""

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest

from scoring.tokens.tokenizer import Tokenizer
from tests.support.languages import REPORTS, build_languages
from tests.support.server import Server, running_server

LANGUAGE = pytest.mark.parametrize("language", REPORTS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a bundle of the three languages."""
    path = tmp_path_factory.mktemp("languages") / "bundle"
    build_languages(path)
    with running_server(path, workers=1) as server:
        server.await_ready()
        yield server


def post(server: Server, path: str, **request: object) -> Any:
    """Return the decoded answer."""
    reply = server.request("POST", path, json.dumps(request).encode(), server.headers)
    assert reply.status == 200, reply.body
    return json.loads(reply.body)


@LANGUAGE
def test_the_words_of_a_text_are_found_and_known(server: Server, language: str) -> None:
    """As many as the tokenizer finds, all of them with a vector."""
    reports = REPORTS[language]

    documents = post(server, "/score", documents=reports)["documents"]

    assert [document["tokens"] for document in documents] == [
        len(Tokenizer().tokenize(text)) for text in reports
    ]
    assert {document["known"] for document in documents} == {1.0}
    assert min(document["tokens"] for document in documents) >= 4
    assert None not in [document["cluster"] for document in documents]


@LANGUAGE
def test_both_forms_of_a_text_are_the_same_document(server: Server, language: str) -> None:
    """Letters and their marks composed, decomposed, and in presentation forms or half width where there are any."""
    text = REPORTS[language][0]
    forms = [
        unicodedata.normalize("NFC", text),
        unicodedata.normalize("NFD", text),
        text.replace("。", "\uff61"),
    ]

    answer = post(server, "/score", documents=forms, vectors=True)

    vectors = [document["vector"] for document in answer["documents"]]
    assert vectors[0] == vectors[1] == vectors[2]
    assert any(vectors[0])


@LANGUAGE
def test_an_explanation_has_the_words(server: Server, language: str) -> None:
    """The words of both documents, marks and all, and a contribution of each."""
    one, other = REPORTS[language][:2]

    explanation = post(server, "/explain", documents=[one, other], top=100)

    for document, text in zip(explanation["documents"], (one, other), strict=True):
        listed = document["contributions"]
        assert sorted(each["token"] for each in listed) == sorted(set(Tokenizer().tokenize(text)))
        total = sum(each["contribution"] for each in listed) + document["rest"]
        assert total == pytest.approx(explanation["similarity"], abs=1e-5)
