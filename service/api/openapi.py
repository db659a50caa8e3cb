"""The OpenAPI document, made of the types that decode requests and the table that answers problems."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import msgspec
import orjson

from service.api.problems import MEDIA_TYPE, PROBLEMS, TYPE_PREFIX
from service.api.request import ScoreBody
from service.api.response import Alive, Info, NotReady, ProblemDetails, Ready, ScoreResponse, Started, Status
from service.limits import RequestLimits
from service.observability.request_record import REQUEST_ID_PATTERN

Json = dict[str, Any]

TYPES = (ScoreBody, ScoreResponse, ProblemDetails, Info, Status, Alive, Ready, Started, NotReady)

REFERENCE = "#/components/schemas/{name}"

# What can go wrong anywhere; with a token; and with a request to score.
ALWAYS = ("invalid_request", "method_not_allowed", "headers_too_large", "internal_error")
WITH_TOKEN = ("missing_token", "invalid_token", "insufficient_scope", "starting")
SCORE = tuple(code for code in PROBLEMS if code != "not_found")

DESCRIPTION = """Scores batches of documents: a FastText model embeds each, a K-Means assigns it to a cluster,
and every document is compared with every other.

Errors are `application/problem+json` (RFC 9457): `code` says what is wrong, `detail` what to do about it, and
`errors` points into the body."""


# One request and its answer, as the documentation shows them.
DIGEST = "sha256:ae006dfe68f4c60553aa9ca930203c2f1495c180049be5ca526ed31d536d562a"

REQUEST: dict[str, Any] = {
    "documents": [
        {"id": "a", "text": "Storms close the harbour"},
        {"text": "Harbour shut by gales"},
        "Rates rise again",
    ],
    "similarity": "neighbours",
    "neighbours": 1,
}


def _document(name: str, cluster: int, measures: tuple[float, float, float], near: tuple[str, float]) -> Any:
    distance, margin, outlier = measures
    neighbours = [{"id": near[0], "similarity": near[1]}]
    return {
        "id": name,
        "cluster": cluster,
        "distance": distance,
        "margin": margin,
        "outlier": outlier,
        "tokens": 4,
        "known": 0.75,
        "neighbours": neighbours,
    }


ANSWER: dict[str, Any] = {
    "model": {"name": "demo", "digest": DIGEST, "dimensions": 100, "clusters": 24},
    "documents": [
        _document("a", 10, (0.985, 0.003, 0.62), ("1", 0.6)),
        _document("1", 10, (0.824, 0.032, 0.44), ("a", 0.6)),
        _document("2", 2, (1.591, 0.021, 0.91), ("a", -0.01)),
    ],
    "clusters": [
        {"id": 2, "size": 1, "cohesion": 1.0, "terms": ["rates", "bank", "economy"]},
        {"id": 10, "size": 2, "cohesion": 0.89, "terms": ["storm", "harbour", "yacht"]},
    ],
}

# Where a problem can point into the body, and at what.
POINTERS = {
    "too_many_documents": ("/documents", "1001 given, at most 1000 per request; split the request"),
    "document_too_large": (
        "/documents/3",
        "262145 bytes of UTF-8, at most 262144 per text; split it",
    ),
    "invalid_document": ("/documents/3/text", "missing"),
    "duplicate_id": ("/documents/3", "the id of /documents/1"),
    "invalid_option": ("/neighbors", "unknown member"),
}


def document(limits: RequestLimits) -> Json:
    """Return the document of a service with these limits."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Scorepool",
            "version": version("scorepool"),
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": "scoring"}, {"name": "operation"}],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(limits),
            "headers": _headers(),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def document_text(limits: RequestLimits | None = None) -> str:
    """Return the document as text, by default with the default limits."""
    return orjson.dumps(document(limits or RequestLimits()), option=orjson.OPT_INDENT_2).decode()


def _paths() -> Json:
    return {
        "/score": {"post": _score()},
        "/livez": {"get": _operation("Whether the process is alive", "Alive")},
        "/readyz": {"get": _operation("Whether requests are welcome", "Ready", unavailable="NotReady")},
        "/startupz": {
            "get": _operation("Whether a worker was ready once", "Started", unavailable="NotReady")
        },
        "/info": {"get": _operation("The service, its model and its limits", "Info")},
        "/status": {
            "get": _protected(_operation("What the service is doing", "Status", WITH_TOKEN), "status")
        },
        "/metrics": {"get": _metrics()},
    }


def _score() -> Json:
    answer = {"schema": _reference("ScoreResponse"), "examples": {"neighbours": {"value": ANSWER}}}
    matrix = {"schema": {"type": "string", "contentMediaType": "application/x-npy"}}
    good = {
        "description": "The scores; as `application/x-npy` the float32 matrix alone (`similarity: matrix`).",
        "headers": _named("X-Request-ID", "Server-Timing"),
        "content": {"application/json": answer, "application/x-npy": matrix},
    }
    body = {"schema": _reference("ScoreBody"), "examples": {"three": {"value": REQUEST}}}
    operation = {
        "operationId": "score",
        "summary": "Score documents",
        "tags": ["scoring"],
        "parameters": [_request_id(), _deadline()],
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {"200": good, **_problems(SCORE, "Server-Timing")},
    }
    return _protected(operation, "the one in `jwt_scope`, where set")


def _operation(summary: str, answer: str, codes: Iterable[str] = (), unavailable: str = "") -> Json:
    responses: Json = {
        "200": {
            "description": summary,
            "headers": _named("X-Request-ID"),
            "content": {"application/json": {"schema": _reference(answer)}},
        },
        **_problems([*codes, *ALWAYS]),
    }
    if unavailable:
        responses["503"] = {
            "description": "Not now, and why.",
            "headers": _named("X-Request-ID", "Retry-After"),
            "content": {"application/json": {"schema": _reference(unavailable)}},
        }
    return {
        "operationId": answer.lower(),
        "summary": summary,
        "tags": ["operation"],
        "parameters": [_request_id()],
        "responses": dict(sorted(responses.items())),
    }


def _metrics() -> Json:
    operation = _operation("Metrics for Prometheus", "Metrics")
    operation["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    return operation


def _protected(operation: Json, scope: str) -> Json:
    return {
        **operation,
        "security": [{"bearer": []}],
        "description": f"Needs a bearer token; scope: {scope}.",
    }


def _problems(codes: Iterable[str], *headers: str) -> Json:
    """Return one response for each status among the codes, with an example for each code."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {str(status): _problem(status, by_status[status], headers) for status in sorted(by_status)}


def _problem(status: int, codes: list[str], headers: tuple[str, ...]) -> Json:
    extra = {401: ["WWW-Authenticate"], 403: ["WWW-Authenticate"], 405: ["Allow"], 429: ["Retry-After"]}
    names = ["X-Request-ID", *headers, *(["Retry-After"] if status == 503 else extra.get(status, []))]
    examples = {code: {"summary": PROBLEMS[code].title, "value": _example(code)} for code in codes}
    return {
        "description": "; ".join(f"`{code}`: {PROBLEMS[code].when}" for code in codes),
        # The connection itself answers these, before there is a request to speak of.
        "headers": {} if status in {400, 431} else _named(*names),
        "content": {MEDIA_TYPE: {"schema": _reference("ProblemDetails"), "examples": examples}},
    }


def _example(code: str) -> Json:
    problem = PROBLEMS[code]
    example = {
        "type": TYPE_PREFIX + code,
        "title": problem.title,
        "status": problem.status,
        "code": code,
        "request_id": "3b0b4759306af32726477c14852374f4",
        "detail": problem.when,
    }
    if code in POINTERS:
        pointer, detail = POINTERS[code]
        example["errors"] = [{"pointer": pointer, "detail": detail}]
    return example


def _schemas(limits: RequestLimits) -> Json:
    _, schemas = msgspec.json.schema_components(TYPES, ref_template=REFERENCE)
    schemas["ScoreBody"]["properties"]["documents"]["maxItems"] = limits.max_documents
    schemas["Document"]["properties"]["text"]["description"] = (
        f"At most {limits.max_document_bytes} bytes of UTF-8."
    )
    schemas["ProblemDetails"]["properties"]["code"]["enum"] = list(PROBLEMS)
    return schemas


def _headers() -> Json:
    whole = {"type": "integer", "minimum": 1}
    text = {"type": "string"}
    return {
        "X-Request-ID": {"description": "The client's id for the request, or a new one.", "schema": text},
        "Server-Timing": {"description": "Milliseconds in the queue and in each stage.", "schema": text},
        "Retry-After": {"description": "Seconds after which to try again.", "schema": whole},
        "WWW-Authenticate": {"description": "RFC 6750: what is wrong with the token.", "schema": text},
        "Allow": {"description": "The methods that this path takes.", "schema": text},
    }


def _named(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _request_id() -> Json:
    text = f"An id for the request: {REQUEST_ID_PATTERN}. Any other text is replaced."
    return {"name": "X-Request-ID", "in": "header", "description": text, "schema": {"type": "string"}}


def _deadline() -> Json:
    schema = {"type": "integer", "minimum": 1}
    text = "Milliseconds after which the answer is of no use; can only shorten the server's limit."
    return {"name": "X-Request-Timeout-Ms", "in": "header", "description": text, "schema": schema}


def _reference(name: str) -> Json:
    return {"$ref": REFERENCE.format(name=name)}
