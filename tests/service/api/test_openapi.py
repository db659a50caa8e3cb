"""The OpenAPI document says what the service does."""

import json
from pathlib import Path

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from service.api.openapi import ANSWER, REQUEST, Json, document, document_text
from service.api.problems import PROBLEMS
from service.api.request import decode
from service.limits import RequestLimits
from tests.support.driver import Service


@pytest.fixture(scope="module")
def described() -> Json:
    """Return the document with small limits."""
    return document(RequestLimits(max_documents=7, max_document_bytes=99))


def check(described: Json, name: str, value: object) -> None:
    """Check a value against one of the document's schemas."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
    OAS31Validator(schema).validate(value)


def test_the_document_is_valid(described: Json) -> None:
    """By the specification of OpenAPI 3.1."""
    validate(described)


def test_the_text_is_that_of_the_default_limits() -> None:
    """As the command prints it."""
    assert json.loads(document_text()) == document(RequestLimits())


def test_the_limits_are_in_it(described: Json) -> None:
    """They are those of the running service."""
    schemas = described["components"]["schemas"]

    assert schemas["ScoreBody"]["properties"]["documents"]["maxItems"] == 7
    assert "99 bytes" in schemas["Document"]["properties"]["text"]["description"]


def test_every_problem_has_an_example(described: Json) -> None:
    """At some path, under its status, valid by the schema; not_found has no path."""
    shown: dict[str, str] = {}
    for path in described["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                content = response["content"].get("application/problem+json", {"examples": {}})
                for code, example in content["examples"].items():
                    check(described, "ProblemDetails", example["value"])
                    assert example["value"]["code"] == code
                    shown[code] = status

    assert shown == {code: str(problem.status) for code, problem in PROBLEMS.items() if code != "not_found"}


def test_the_example_is_a_request_and_its_answer(described: Json) -> None:
    """Valid by the schema, and accepted by the decoder."""
    check(described, "ScoreBody", REQUEST)
    check(described, "ScoreResponse", ANSWER)

    assert decode(json.dumps(REQUEST).encode(), RequestLimits()).ids == [
        entry["id"] for entry in ANSWER["documents"]
    ]


@pytest.mark.parametrize(
    ("path", "name"),
    [("/livez", "Alive"), ("/readyz", "Ready"), ("/startupz", "Started"), ("/info", "Info")],
)
def test_the_small_endpoints_answer_as_described(
    tmp_path: Path, described: Json, path: str, name: str
) -> None:
    """Their answers are valid by their schemas."""
    check(described, name, Service(tmp_path).request("GET", path).json)


def test_a_service_that_is_not_ready_answers_as_described(tmp_path: Path, described: Json) -> None:
    """With the reason, and when to come again."""
    service = Service(tmp_path)
    service.backend.readiness = "no_workers"

    reply = service.request("GET", "/readyz")

    check(described, "NotReady", reply.json)
    assert (reply.status, reply.json["reason"], reply.headers["retry-after"]) == (503, "no_workers", "1")


def test_the_service_describes_itself(tmp_path: Path) -> None:
    """At its own address, with its own limits."""
    reply = Service(tmp_path, max_documents=3).request("GET", "/openapi.json")

    assert reply.json["components"]["schemas"]["ScoreBody"]["properties"]["documents"]["maxItems"] == 3


def test_every_path_of_the_document_is_there(tmp_path: Path, described: Json) -> None:
    """And takes the method that it says."""
    service = Service(tmp_path)

    for path, operations in described["paths"].items():
        allowed = service.request("OPTIONS", path).headers["allow"]
        assert {method.upper() for method in operations} <= set(allowed.split(", "))
