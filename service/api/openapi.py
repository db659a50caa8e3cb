"""The OpenAPI document, made from the types of requests and responses and from the table of problems."""

from importlib.metadata import version
from typing import Any

import msgspec
import orjson

from service.api.job import Job, JobList, JobOptions
from service.api.openapi_jobs import job_headers, job_paths
from service.api.openapi_parts import (
    SCHEMA_REFERENCE,
    TOKEN_PROBLEMS,
    Json,
    header_references,
    plain_operation,
    problem_responses,
    protected,
    request_id_parameter,
    schema_reference,
)
from service.api.problems import JOB_PROBLEMS, PROBLEMS, RELOAD_PROBLEMS
from service.api.request import EXPLAIN_ROUTE, SCORE_ROUTE, ExplainBody, ScoreBody
from service.api.response import (
    Alive,
    ExplainResponse,
    Info,
    NotReady,
    ProblemDetails,
    Ready,
    Reloaded,
    ScoreResponse,
    Started,
    Status,
)
from service.api.scorer import ScorerDescription
from service.limits import OVERLOAD_STATUSES, RequestLimits

OPERATION_TYPES = (ProblemDetails, Info, Status, Alive, Ready, Started, NotReady, Reloaded)

TYPES = (ScoreBody, ScoreResponse, ExplainBody, ExplainResponse, Job, JobList, JobOptions, *OPERATION_TYPES)

WORK_PROBLEMS = tuple(code for code in PROBLEMS if code not in {"not_found", *RELOAD_PROBLEMS, *JOB_PROBLEMS})

ERRORS_DESCRIPTION = """Errors are `application/problem+json` (RFC 9457): `code` says what is wrong, `detail` what to do
about it, and `errors` where in the body it is, as JSON pointers."""

DESCRIPTION = f"""Scores batches of documents: a FastText model embeds each, a K-Means assigns it to a cluster,
and every document is compared with every other. `/explain` says which words make two documents similar.

{ERRORS_DESCRIPTION}"""


# An example request and its answer.
_DIGEST = "sha256:ae006dfe68f4c60553aa9ca930203c2f1495c180049be5ca526ed31d536d562a"

EXAMPLE_REQUEST: dict[str, Any] = {
    "documents": [
        {"id": "a", "text": "Storms close the harbour"},
        {"text": "Harbour shut by gales"},
        "Rates rise again",
    ],
    "similarity": "neighbours",
    "neighbours": 1,
}


def _example_document(
    name: str, cluster: int, measures: tuple[float, float, float], near: tuple[str, float]
) -> Any:
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


EXAMPLE_RESPONSE: dict[str, Any] = {
    "model": {"name": "demo", "digest": _DIGEST, "dimensions": 100, "clusters": 24},
    "documents": [
        _example_document("a", 10, (0.985, 0.003, 0.62), ("1", 0.6)),
        _example_document("1", 10, (0.824, 0.032, 0.44), ("a", 0.6)),
        _example_document("2", 2, (1.591, 0.021, 0.91), ("a", -0.01)),
    ],
    "clusters": [
        {"id": 2, "size": 1, "cohesion": 1.0, "terms": ["rates", "bank", "economy"]},
        {"id": 10, "size": 2, "cohesion": 0.89, "terms": ["storm", "harbour", "yacht"]},
    ],
}

EXAMPLE_EXPLAIN_REQUEST: dict[str, Any] = {
    "documents": [{"id": "a", "text": "Storms close the harbour"}, "Harbour shut by gales"],
    "top": 2,
}

EXAMPLE_EXPLAIN_RESPONSE: dict[str, Any] = {
    "model": EXAMPLE_RESPONSE["model"],
    "similarity": 0.6,
    "documents": [
        {
            "id": "a",
            "contributions": [
                {"token": "harbour", "count": 1, "known": True, "contribution": 0.41},
                {"token": "storms", "count": 1, "known": True, "contribution": 0.17},
            ],
            "rest": 0.02,
        },
        {
            "id": "1",
            "contributions": [
                {"token": "harbour", "count": 1, "known": True, "contribution": 0.38},
                {"token": "gales", "count": 1, "known": False, "contribution": 0.2},
            ],
            "rest": 0.02,
        },
    ],
}


def openapi_document(
    limits: RequestLimits,
    overload_status: int = OVERLOAD_STATUSES[0],
    scorer: ScorerDescription | None = None,
    server: str = ".",
) -> Json:
    """Return the OpenAPI document of a service with these limits and this status of `overloaded`.

    `scorer`: what is served in place of the built-in one. `server` is relative to where the document is, so that it
    holds behind a proxy that adds a prefix.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Scorepool",
            "version": version("scorepool"),
            "description": DESCRIPTION if scorer is None else _own_description(scorer),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "tags": [{"name": "scoring"}, {"name": "jobs"}, {"name": "operation"}],
        "paths": _paths(overload_status, scorer),
        "components": {
            "schemas": _schemas(limits) if scorer is None else _own_schemas(scorer),
            "headers": _headers(),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def openapi_text(limits: RequestLimits | None = None) -> str:
    """Return the OpenAPI document as JSON text, by default with the default limits."""
    return orjson.dumps(openapi_document(limits or RequestLimits()), option=orjson.OPT_INDENT_2).decode()


def _paths(overload_status: int, scorer: ScorerDescription | None) -> Json:
    if scorer is None:
        work = {
            SCORE_ROUTE: {"post": _score_operation(overload_status)},
            EXPLAIN_ROUTE: {"post": _explain_operation(overload_status)},
            **job_paths(),
        }
    else:
        work = {SCORE_ROUTE: {"post": _own_operation(scorer, overload_status)}}
    return {
        **work,
        "/livez": {"get": plain_operation("Whether the process is alive", "Alive")},
        "/readyz": {"get": plain_operation("Whether requests are accepted", "Ready", unavailable="NotReady")},
        "/startupz": {
            "get": plain_operation("Whether a worker has been ready", "Started", unavailable="NotReady")
        },
        "/info": {"get": plain_operation("The service, its scorer and its limits", "Info")},
        "/status": {
            "get": protected(plain_operation("What the service is doing", "Status", TOKEN_PROBLEMS), "status")
        },
        "/metrics": {"get": _metrics_operation()},
        "/reload": {"post": _reload_operation()},
    }


def _score_operation(overload_status: int) -> Json:
    scores = {
        "schema": schema_reference("ScoreResponse"),
        "examples": {"neighbours": {"value": EXAMPLE_RESPONSE}},
    }
    matrix = {"schema": {"type": "string", "contentMediaType": "application/x-npy"}}
    success = {
        "description": "The scores; as `application/x-npy` the float32 matrix alone (`similarity: matrix`).",
        "headers": header_references("X-Request-ID", "Server-Timing"),
        "content": {"application/json": scores, "application/x-npy": matrix},
    }
    body = {"schema": schema_reference("ScoreBody"), "examples": {"three": {"value": EXAMPLE_REQUEST}}}
    return _work_operation("score", "Score documents", body, success, overload_status)


def _explain_operation(overload_status: int) -> Json:
    explanation = {
        "schema": schema_reference("ExplainResponse"),
        "examples": {"two": {"value": EXAMPLE_EXPLAIN_RESPONSE}},
    }
    success = {
        "description": "What the words of either document add to the similarity.",
        "headers": header_references("X-Request-ID", "Server-Timing"),
        "content": {"application/json": explanation},
    }
    body = {
        "schema": schema_reference("ExplainBody"),
        "examples": {"two": {"value": EXAMPLE_EXPLAIN_REQUEST}},
    }
    return _work_operation("explain", "Explain a similarity", body, success, overload_status)


def _own_description(scorer: ScorerDescription) -> str:
    version_text = f" {scorer.version}" if scorer.version else ""
    return f"Scores requests with {scorer.name}{version_text}.\n\n{ERRORS_DESCRIPTION}"


def _own_operation(scorer: ScorerDescription, overload_status: int) -> Json:
    """Describe `/score` as the types of another scorer declare it."""
    binary: Json = {"type": "string", "format": "binary"}
    accepts = (scorer.accepts or ("*/*",)) if scorer.reads == "bytes" else ("application/json",)
    answers = scorer.media_type if scorer.answers == "bytes" else "application/json"
    success = {
        "description": "The scorer's result.",
        "headers": header_references("X-Request-ID", "Server-Timing"),
        "content": {answers: {"schema": binary if scorer.answers == "bytes" else scorer.response}},
    }
    body = {"schema": binary if scorer.reads == "bytes" else scorer.request}
    operation = _work_operation("score", f"Score with {scorer.name}", body, success, overload_status)
    operation["requestBody"]["content"] = dict.fromkeys(accepts, body)
    return operation


def _work_operation(name: str, summary: str, body: Json, success: Json, overload_status: int) -> Json:
    """Describe what a worker answers."""
    operation = {
        "operationId": name,
        "summary": summary,
        "tags": ["scoring"],
        "parameters": [request_id_parameter(), _timeout_parameter()],
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {
            "200": success,
            **problem_responses(WORK_PROBLEMS, "Server-Timing", overload_status=overload_status),
        },
    }
    return protected(operation, "the one in `jwt_scope`, where set")


def _metrics_operation() -> Json:
    operation = plain_operation("Metrics for Prometheus", "Metrics")
    operation["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    return operation


def _reload_operation() -> Json:
    summary = "Serve the model that is at the bundle's path now"
    operation = plain_operation(summary, "Reloaded", (*RELOAD_PROBLEMS, *TOKEN_PROBLEMS, "draining"))
    return protected(operation, "admin")


def _schemas(limits: RequestLimits) -> Json:
    _, schemas = msgspec.json.schema_components(TYPES, ref_template=SCHEMA_REFERENCE)
    schemas["ScoreBody"]["properties"]["documents"]["maxItems"] = limits.max_documents
    schemas["Document"]["properties"]["text"]["description"] = (
        f"At most {limits.max_document_bytes} bytes of UTF-8."
    )
    schemas["ProblemDetails"]["properties"]["code"]["enum"] = list(PROBLEMS)
    return schemas


def _own_schemas(scorer: ScorerDescription) -> Json:
    _, schemas = msgspec.json.schema_components(OPERATION_TYPES, ref_template=SCHEMA_REFERENCE)
    schemas["ProblemDetails"]["properties"]["code"]["enum"] = list(PROBLEMS)
    return schemas | scorer.schemas


def _headers() -> Json:
    whole = {"type": "integer", "minimum": 1}
    text = {"type": "string"}
    return {
        "X-Request-ID": {"description": "The client's id for the request, or a new one.", "schema": text},
        "Server-Timing": {"description": "Milliseconds in the queue and in each stage.", "schema": text},
        "Retry-After": {"description": "Seconds after which to try again.", "schema": whole},
        "WWW-Authenticate": {"description": "RFC 6750: what is wrong with the token.", "schema": text},
        "Allow": {"description": "The methods that this path takes.", "schema": text},
        **job_headers(),
    }


def _timeout_parameter() -> Json:
    schema = {"type": "integer", "minimum": 1}
    text = "Milliseconds until the client's deadline; can only shorten the server's limit."
    return {"name": "X-Request-Timeout-Ms", "in": "header", "description": text, "schema": schema}
