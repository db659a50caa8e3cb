"""The OpenAPI document is valid and agrees with what the service answers."""

import json
from pathlib import Path

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from service.api.openapi import (
    EXAMPLE_EXPLAIN_REQUEST,
    EXAMPLE_EXPLAIN_RESPONSE,
    EXAMPLE_REQUEST,
    EXAMPLE_RESPONSE,
    openapi_document,
    openapi_text,
)
from service.api.openapi_parts import Json
from service.api.problems import PROBLEMS
from service.api.request import decode, decode_explain
from service.limits import RequestLimits
from tests.support.application import Service


@pytest.fixture(scope="module")
def described() -> Json:
    """Return the OpenAPI document of a service with small limits."""
    return openapi_document(RequestLimits(max_documents=7, max_document_bytes=99))


def check(described: Json, name: str, value: object) -> None:
    """Check a value against one of the document's schemas."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
    OAS31Validator(schema).validate(value)


def test_the_document_is_valid(described: Json) -> None:
    """It keeps the specification of OpenAPI 3.1."""
    validate(described)


def test_the_text_has_the_default_limits() -> None:
    """`scorepool openapi` prints the document of a service with default settings."""
    assert json.loads(openapi_text()) == openapi_document(RequestLimits())


def test_the_document_states_the_limits(described: Json) -> None:
    """The limits given are in the schemas of the request."""
    schemas = described["components"]["schemas"]

    assert schemas["ScoreBody"]["properties"]["documents"]["maxItems"] == 7
    assert "99 bytes" in schemas["Document"]["properties"]["text"]["description"]


def test_every_problem_has_an_example(described: Json) -> None:
    """Each code is at some path, under its status and valid by the schema."""
    shown: dict[str, str] = {}
    for path in described["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {}).get("application/problem+json", {"examples": {}})
                for code, example in content["examples"].items():
                    check(described, "ProblemDetails", example["value"])
                    assert example["value"]["code"] == code
                    shown[code] = status

    assert shown == {code: str(problem.status) for code, problem in PROBLEMS.items()}


def test_overload_has_the_status_that_was_chosen() -> None:
    """With the example of the other refusals that have it."""
    responses = openapi_document(RequestLimits(), 429)["paths"]["/score"]["post"]["responses"]
    shown = {
        status: each["content"]["application/problem+json"]["examples"]
        for status, each in responses.items()
        if status != "200"
    }

    assert shown["429"]["overloaded"]["value"]["status"] == 429
    assert "quota_exceeded" in shown["429"]
    assert "Retry-After" in responses["429"]["headers"]
    assert "overloaded" not in shown["503"]


def test_the_server_is_where_the_document_is(described: Json) -> None:
    """Below a proxy's prefix too: the paths begin with a slash and are appended."""
    assert [server["url"] for server in described["servers"]] == ["."]


def test_the_examples_are_valid(described: Json) -> None:
    """Example requests and responses are valid by the schemas, and the decoders accept the requests."""
    check(described, "ScoreBody", EXAMPLE_REQUEST)
    check(described, "ScoreResponse", EXAMPLE_RESPONSE)
    check(described, "ExplainBody", EXAMPLE_EXPLAIN_REQUEST)
    check(described, "ExplainResponse", EXAMPLE_EXPLAIN_RESPONSE)

    assert decode(json.dumps(EXAMPLE_REQUEST).encode(), RequestLimits()).ids == [
        entry["id"] for entry in EXAMPLE_RESPONSE["documents"]
    ]
    assert decode_explain(json.dumps(EXAMPLE_EXPLAIN_REQUEST).encode(), RequestLimits()).ids == [
        entry["id"] for entry in EXAMPLE_EXPLAIN_RESPONSE["documents"]
    ]


@pytest.mark.parametrize(
    ("path", "name"),
    [("/livez", "Alive"), ("/readyz", "Ready"), ("/startupz", "Started"), ("/info", "Info")],
)
def test_probes_and_info_answer_as_described(tmp_path: Path, described: Json, path: str, name: str) -> None:
    """The answers of the running service are valid by their schemas."""
    check(described, name, Service(tmp_path).request("GET", path).json)


def test_a_service_that_is_not_ready_answers_as_described(tmp_path: Path, described: Json) -> None:
    """`/readyz` answers 503 with the reason and a Retry-After header."""
    service = Service(tmp_path)
    service.backend.readiness = "no_workers"

    reply = service.request("GET", "/readyz")

    check(described, "NotReady", reply.json)
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert reply.json == {"status": "unavailable", "reason": "no_workers"}


def test_a_damaged_file_is_told_beside_the_reason(tmp_path: Path, described: Json) -> None:
    """In a sentence of its own, so that the reason stays a word that programs know."""
    service = Service(tmp_path)
    service.backend.readiness, service.backend.damage = "no_workers", "terms.json has 1 bytes instead of 2"

    reply = service.request("GET", "/readyz")

    check(described, "NotReady", reply.json)
    assert (reply.json["reason"], reply.json["detail"]) == ("no_workers", service.backend.damage)


def test_the_service_serves_its_own_document(tmp_path: Path) -> None:
    """`/openapi.json` has the limits of the running service."""
    reply = Service(tmp_path, max_documents=3).request("GET", "/openapi.json")

    assert reply.json["components"]["schemas"]["ScoreBody"]["properties"]["documents"]["maxItems"] == 3


def test_the_service_has_every_path_of_the_document(tmp_path: Path, described: Json) -> None:
    """Each path accepts the methods that the document names."""
    service = Service(tmp_path)

    for path, operations in described["paths"].items():
        allowed = service.request("OPTIONS", path).headers["allow"]
        assert {method.upper() for method in operations} <= set(allowed.split(", "))
