"""Several requests are one call of the scorer, and each ends by itself."""

from typing import Any

import pytest

from service.api.outcome import Outcome, ResultError
from service.api.problems import PROBLEMS
from service.scorers.handler import ScorerHandler, open_scorer
from tests.support.answers import answer_all

HERE = "tests.support.scorers"


def opened(name: str) -> ScorerHandler:
    """Open one of the tests' scorers in this process."""
    return open_scorer(f"{HERE}:{name}")


def test_a_call_has_all_requests_that_could_be_read() -> None:
    """The others are answered without it."""
    answers = answer_all(opened("Faulty"), [b'"echo"', b"{", b"1", b'"echo"'])

    assert [answer.code for answer in answers] == ["ok", "invalid_json", "invalid_document", "ok"]
    assert b'"together":2' in answers[0].body


def test_an_exception_in_the_list_is_the_end_of_its_request() -> None:
    """A ValueError rejects it; any other is a fault."""
    answers = opened("Faulty").answer_all([b'"echo"', b'"reject no"', b'"nan"'], ["score"] * 3)

    assert isinstance(answers[0], Outcome)
    assert isinstance(answers[1], Outcome)
    assert (answers[1].code, answers[1].body) == ("invalid_document", b'{"detail":"no"}')
    assert isinstance(answers[2], ResultError)


def test_a_function_fails_for_each_request_by_itself() -> None:
    """It is given one after the other."""
    answers = answer_all(opened("double"), [b"2", b"-1", b"3"])

    assert [answer.body for answer in answers] == [b"4.0", b'{"detail":"below zero: send 0 or more"}', b"6.0"]


def test_a_call_that_raises_is_raised() -> None:
    """The worker then runs each of its requests again, alone."""
    with pytest.raises(KeyError):
        opened("Faulty").answer_all([b'"echo"', b'"fail secret"'], ["score"] * 2)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Short", "the scorer Short returned 1 results for 2 requests"),
        ("Wrong", "the scorer Wrong returned ndarray instead of a list"),
    ],
)
def test_a_result_of_the_wrong_shape_is_a_fault_that_names_the_scorer(name: str, said: str) -> None:
    """With both lengths."""
    with pytest.raises(ResultError, match=said):
        opened(name).answer_all([b"1", b"2"], ["score"] * 2)


def test_a_sentence_that_is_too_long_or_no_unicode_is_made_fit() -> None:
    """It comes from code that the service does not know."""
    long, broken = '"reject %s"' % ("x" * 100_000), '"reject \\ud83d"'

    (answer,) = answer_all(opened("Faulty"), [long.encode()])

    assert len(answer.body) < 2_000
    assert opened("Faulty")(broken.encode(), "score").code in PROBLEMS


def test_the_stages_are_those_of_the_call(monkeypatch: Any) -> None:
    """And one document is counted for a request."""
    (answer,) = answer_all(opened("Lengths"), [b'{"text": "a"}'])

    assert [name for name, _ in answer.facts.stages] == ["decode", "score", "encode"]
    assert answer.facts.documents == 1
