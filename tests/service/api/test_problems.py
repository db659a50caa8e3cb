"""The bodies of errors, as RFC 9457 problem details."""

import json
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.problems import MAX_PARTIAL, PROBLEMS, complete, partial, problem


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_has_the_members_of_the_contract(code: str) -> None:
    """A body has the members of RFC 9457, and `code` and `request_id`."""
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
def test_every_status_is_an_http_error(code: str) -> None:
    """The status is a registered client or server error."""
    assert HTTPStatus(PROBLEMS[code].status) >= HTTPStatus.BAD_REQUEST


def test_field_errors_are_listed() -> None:
    """Each field error is an object with its JSON pointer and its detail."""
    part = partial("wrong", [("/documents/3/text", "missing")])

    body = json.loads(complete("invalid_document", part, "id-1"))

    assert body["errors"] == [{"pointer": "/documents/3/text", "detail": "missing"}]


@given(
    st.text(max_size=3_000), st.lists(st.tuples(st.text(max_size=300), st.text(max_size=300)), max_size=40)
)
def test_the_workers_part_is_bounded_json(detail: str, errors: list[tuple[str, str]]) -> None:
    """It has at most 8 KiB; to fit, errors are left out from the end."""
    part = partial(detail, errors)

    assert len(part) <= MAX_PARTIAL
    body = json.loads(complete("invalid_option", part, "id-1"))
    kept = [(error["pointer"], error["detail"]) for error in body.get("errors", [])]
    assert kept == errors[: len(kept)]
