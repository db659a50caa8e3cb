"""The bodies of what goes wrong."""

import json
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.problems import MAX_PARTIAL, PROBLEMS, complete, partial, problem


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_has_the_members_of_the_contract(code: str) -> None:
    """RFC 9457's members, and ours."""
    body = json.loads(problem(code, "too slow", "id-1"))

    assert body == {
        "type": f"urn:scorepool:problem:{code}",
        "title": PROBLEMS[code].title,
        "status": PROBLEMS[code].status,
        "code": code,
        "request_id": "id-1",
        "detail": "too slow",
    }


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_status_is_one_that_http_knows(code: str) -> None:
    """A client error or a server error."""
    assert HTTPStatus(PROBLEMS[code].status) >= HTTPStatus.BAD_REQUEST


def test_pointers_are_listed() -> None:
    """A fault in the body is named with its JSON pointer."""
    part = partial("wrong", [("/documents/3/text", "missing")])

    body = json.loads(complete("invalid_document", part, "id-1"))

    assert body["errors"] == [{"pointer": "/documents/3/text", "detail": "missing"}]


@given(
    st.text(max_size=3_000), st.lists(st.tuples(st.text(max_size=300), st.text(max_size=300)), max_size=40)
)
def test_a_part_is_bounded_json_whatever_it_says(detail: str, errors: list[tuple[str, str]]) -> None:
    """At most 8 KiB; when something must go, the last errors go first."""
    part = partial(detail, errors)

    assert len(part) <= MAX_PARTIAL
    body = json.loads(complete("invalid_option", part, "id-1"))
    kept = [(error["pointer"], error["detail"]) for error in body.get("errors", [])]
    assert kept == errors[: len(kept)]
