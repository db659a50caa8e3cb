"""Decoding answers: members that are unknown, missing, or not what they should be."""

import json
import pickle
from typing import Any

import pytest

from scorepool_client import DocumentScore, InvalidAnswerError, Limits, OverloadedError, Problem
from scorepool_client.errors import FieldError, read_problem, retry_after
from scorepool_client.results import read_info, read_matrix, read_result

ANSWER: dict[str, Any] = {
    "model": {"name": "demo", "digest": "sha256:0", "dimensions": 100, "clusters": 12},
    "documents": [
        {
            "id": "a",
            "cluster": 3,
            "distance": 0.41,
            "margin": 0.22,
            "outlier": 0.37,
            "tokens": 4,
            "known": 1.0,
            "neighbours": [{"id": "b", "similarity": 0.83}],
        }
    ],
    "clusters": [{"id": 3, "size": 2, "cohesion": 0.83, "terms": ["storm", "harbour"]}],
}


def with_unknown(value: Any) -> Any:
    """Return the answer of a newer service: each object in it has further members."""
    if isinstance(value, dict):
        return {**{name: with_unknown(item) for name, item in value.items()}, "later": {"deep": [1, None]}}
    return [with_unknown(item) for item in value] if isinstance(value, list) else value


def decoded(answer: object) -> Any:
    """Decode an answer of `/score`."""
    return read_result(json.dumps(answer).encode(), "id", 1)


def test_members_that_are_unknown_are_ignored() -> None:
    """A newer service adds some; they stay reachable in `raw`."""
    assert decoded(with_unknown(ANSWER)) == decoded(ANSWER)
    assert decoded(with_unknown(ANSWER)).raw["documents"][0]["later"] == {"deep": [1, None]}


def test_members_that_are_missing_are_none() -> None:
    """An older service does not send them."""
    (document,) = decoded({**ANSWER, "documents": [{"id": "a"}]}).documents

    assert document == DocumentScore("a", None, None, None, None, None, None)


@pytest.mark.parametrize(
    "answer",
    [[], {}, {"model": 1, "documents": []}, {**ANSWER, "documents": [{}]}, {**ANSWER, "documents": 5}],
)
def test_an_answer_of_something_else_is_refused(answer: object) -> None:
    """As that of a wrong address."""
    with pytest.raises(InvalidAnswerError, match=r"not an answer of|not a JSON object"):
        decoded(answer)


def test_what_is_no_json_and_no_matrix_is_refused() -> None:
    """As the page of a proxy with status 200."""
    with pytest.raises(InvalidAnswerError, match="not JSON"):
        read_result(b"<html>", "id", 1)
    with pytest.raises(InvalidAnswerError, match=r"not an \.npy file"):
        read_matrix(b"<html>", "id", 1)


def test_limits_of_another_version() -> None:
    """Unknown ones are ignored, and missing ones are the service's defaults."""
    body = {"name": "scorepool", "version": "9.0", "model": ANSWER["model"]}
    info = read_info(json.dumps({**body, "limits": {"max_documents": 10, "new": 1}}).encode(), "id", 1)

    assert info.limits == Limits(max_documents=10)
    assert read_info(json.dumps(body).encode(), "id", 1).limits == Limits()


def test_a_problem_is_read_with_its_fields() -> None:
    """And one of a newer service, with a code and members that are unknown."""
    body = {
        "code": "too_new",
        "title": "T",
        "detail": "D",
        "errors": [{"pointer": "/a", "detail": "b", "x": 1}],
    }

    problem = read_problem(422, {}, json.dumps(with_unknown(body)).encode(), 0.0)

    assert problem == Problem("too_new", "T", "D", 422, (FieldError("/a", "b"),))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"code": 5, "errors": 7}', b"[" * 100_000])
def test_an_error_without_a_problem_has_its_status(body: bytes) -> None:
    """As a proxy's."""
    assert read_problem(502, {}, body, 0.0).code == "http_502"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (None, None),
        ("soon", None),
        ("-1", None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 40.0),
        ("Thu, 01 Jan 1970 00:00:40 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    """At Unix time 60."""
    assert retry_after(value, 60.0) == seconds


def test_an_exception_crosses_processes() -> None:
    """With its fields."""
    error = OverloadedError(Problem("overloaded", "T", "D", 503, retry_after_s=2.0), "id-1", 3)

    copy = pickle.loads(pickle.dumps(error))

    assert (copy.problem, copy.request_id, copy.attempts) == (error.problem, "id-1", 3)
    assert str(copy) == "overloaded: D (request id-1)"
