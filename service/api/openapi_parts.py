"""The parts that the descriptions of all routes share: operations, problems, headers and references."""

from collections.abc import Iterable
from typing import Any

from service.api.problems import MEDIA_TYPE, PROBLEMS, TYPE_PREFIX, FieldError, status_of
from service.api.request import REQUEST_ID_PATTERN
from service.limits import OVERLOAD_STATUSES

Json = dict[str, Any]

SCHEMA_REFERENCE = "#/components/schemas/{name}"

# The codes of the problems that every route can answer, every route that takes a token, and those that workers answer.
ANY_ROUTE_PROBLEMS = ("invalid_request", "method_not_allowed", "headers_too_large", "internal_error")
TOKEN_PROBLEMS = ("missing_token", "invalid_token", "insufficient_scope", "starting")

# The field error in the example of each problem that points into the body.
_EXAMPLE_FIELD_ERRORS: dict[str, FieldError] = {
    "too_many_documents": ("/documents", "1001 given, at most 1000 per request; split the request"),
    "document_too_large": (
        "/documents/3",
        "262145 bytes of UTF-8, at most 262144 per text; split it",
    ),
    "invalid_document": ("/documents/3/text", "missing"),
    "duplicate_id": ("/documents/3", "the id of /documents/1"),
    "invalid_option": ("/neighbors", "unknown member"),
}


def plain_operation(summary: str, answer: str, codes: Iterable[str] = (), unavailable: str = "") -> Json:
    """Describe an operation that answers with the schema `answer`, or with one of the problems `codes`."""
    responses: Json = {
        "200": {
            "description": summary,
            "headers": header_references("X-Request-ID"),
            "content": {"application/json": {"schema": schema_reference(answer)}},
        },
        **problem_responses([*codes, *ANY_ROUTE_PROBLEMS]),
    }
    if unavailable:
        responses["503"] = {
            "description": "It is not; `reason` says why.",
            "headers": header_references("X-Request-ID", "Retry-After"),
            "content": {"application/json": {"schema": schema_reference(unavailable)}},
        }
    return {
        "operationId": answer.lower(),
        "summary": summary,
        "tags": ["operation"],
        "parameters": [request_id_parameter()],
        "responses": dict(sorted(responses.items())),
    }


def protected(operation: Json, scope: str) -> Json:
    """Add that an operation needs a token with a scope."""
    return {
        **operation,
        "security": [{"bearer": []}],
        "description": f"Needs a bearer token; scope: {scope}.",
    }


def problem_responses(
    codes: Iterable[str], *headers: str, overload_status: int = OVERLOAD_STATUSES[0]
) -> Json:
    """Return one response for each status among the codes, with an example for each code."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(status_of(code, overload_status), []).append(code)
    return {
        str(status): _problem_response(status, by_status[status], headers) for status in sorted(by_status)
    }


def _problem_response(status: int, codes: list[str], headers: tuple[str, ...]) -> Json:
    extra = {401: ["WWW-Authenticate"], 403: ["WWW-Authenticate"], 405: ["Allow"], 429: ["Retry-After"]}
    names = ["X-Request-ID", *headers, *(["Retry-After"] if status == 503 else extra.get(status, []))]
    examples = {code: {"summary": PROBLEMS[code].title, "value": _example(code, status)} for code in codes}
    return {
        "description": "; ".join(f"`{code}`: {PROBLEMS[code].when}" for code in codes),
        # These can come from the HTTP parser, before the request has an id.
        "headers": {} if status in {400, 431} else header_references(*names),
        "content": {MEDIA_TYPE: {"schema": schema_reference("ProblemDetails"), "examples": examples}},
    }


def _example(code: str, status: int) -> Json:
    problem = PROBLEMS[code]
    example = {
        "type": TYPE_PREFIX + code,
        "title": problem.title,
        "status": status,
        "code": code,
        "request_id": "3b0b4759306af32726477c14852374f4",
        "detail": problem.when,
    }
    if code in _EXAMPLE_FIELD_ERRORS:
        pointer, detail = _EXAMPLE_FIELD_ERRORS[code]
        example["errors"] = [{"pointer": pointer, "detail": detail}]
    return example


def header_references(*names: str) -> Json:
    """Refer to headers by their names."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def request_id_parameter() -> Json:
    """Describe X-Request-ID as clients may send it."""
    text = f"An id for the request: {REQUEST_ID_PATTERN}. Any other text is replaced."
    return {"name": "X-Request-ID", "in": "header", "description": text, "schema": {"type": "string"}}


def schema_reference(name: str) -> Json:
    """Refer to a schema by its name."""
    return {"$ref": SCHEMA_REFERENCE.format(name=name)}
