"""The routes of jobs in the OpenAPI document."""

from collections.abc import Iterable

import msgspec

from service.api.job import (
    CORPUS_ENCODINGS,
    CORPUS_TYPES,
    JOB_EVENTS_ROUTE,
    JOB_RESULT_ROUTE,
    JOB_ROUTE,
    JOBS_ROUTE,
    JobOptions,
    Page,
    Part,
)
from service.api.openapi_parts import (
    ANY_ROUTE_PROBLEMS,
    TOKEN_PROBLEMS,
    Json,
    header_references,
    problem_responses,
    protected,
    request_id_parameter,
    schema_reference,
)

_EVERY = (*ANY_ROUTE_PROBLEMS, *TOKEN_PROBLEMS)

_UPLOAD_PROBLEMS = (
    "body_timeout",
    "key_in_use",
    "body_too_large",
    "too_many_documents",
    "document_too_large",
    "unsupported_media_type",
    "invalid_document",
    "duplicate_id",
    "invalid_option",
    "key_reused",
    "quota_exceeded",
    "overloaded",
    "draining",
    "insufficient_storage",
)

_RESULT_PROBLEMS = ("invalid_option", "not_acceptable", "not_ready", "no_result", "range_not_satisfiable")


def job_paths() -> Json:
    """Return the paths of jobs."""
    return {
        JOBS_ROUTE: {"post": _submission(), "get": _list()},
        JOB_ROUTE: {"get": _state(), "delete": _deletion()},
        JOB_EVENTS_ROUTE: {"get": _events()},
        JOB_RESULT_ROUTE: {"get": _result()},
    }


def job_headers() -> Json:
    """Return the headers that answers about jobs have, by name."""
    text = {"type": "string"}
    return {
        "Location": {"description": "Where the job is.", "schema": text},
        "ETag": {"description": "Equal for equal bytes.", "schema": text},
        "Content-Range": {"description": "Which bytes these are, and of how many.", "schema": text},
    }


def _operation(
    name: str, summary: str, codes: Iterable[str], parameters: Iterable[Json], **responses: Json
) -> Json:
    answers = {status.removeprefix("status_"): answer for status, answer in responses.items()}
    described = {
        "operationId": name,
        "summary": summary,
        "tags": ["jobs"],
        "parameters": [request_id_parameter(), *parameters],
        "responses": dict(sorted({**answers, **problem_responses([*codes, *_EVERY])}.items())),
    }
    return protected(described, "jobs; with jobs.all everyone's jobs are there")


def _submission() -> Json:
    key = {"type": "string", "pattern": "^[!-~]{1,255}$"}
    encodings = {"type": "string", "enum": list(CORPUS_ENCODINGS)}
    parameters = [
        *_query(JobOptions),
        _header("Idempotency-Key", "The same key with the same corpus and options is the same job.", key),
        _header("Content-Encoding", "What the corpus is compressed with.", encodings),
    ]
    created = {
        **_json("The job; its corpus is on disk.", "Job"),
        "headers": header_references("X-Request-ID", "Location"),
    }
    operation = _operation("submit", "Submit a corpus", _UPLOAD_PROBLEMS, parameters, status_201=created)
    content = {kind: {"schema": {"type": "string"}} for kind in CORPUS_TYPES}
    return {**operation, "requestBody": {"required": True, "content": content}}


def _list() -> Json:
    answer = _json("Jobs, the newest first", "JobList")
    return _operation("jobs", "List jobs", ("invalid_option", "not_found"), _query(Page), status_200=answer)


def _state() -> Json:
    return _operation("job", "Describe a job", ("not_found",), [_name()], status_200=_json("The job", "Job"))


def _deletion() -> Json:
    gone = {
        "description": "It is cancelled, or removed where it had ended.",
        "headers": header_references("X-Request-ID"),
    }
    codes = ("not_found", "job_in_use", "insufficient_storage")
    return _operation("delete", "Cancel or remove a job", codes, [_name()], status_204=gone)


def _events() -> Json:
    # Without a type: tools disagree on whether it is of the stream or of an event.
    text = {"schema": {"description": "`state` and `progress`, whose data is the job."}}
    stream = {
        "description": "What becomes of it, until its end.",
        "headers": header_references("X-Request-ID"),
        "content": {"text/event-stream": text},
    }
    return _operation("events", "Follow a job", ("not_found",), [_name()], status_200=stream)


def _result() -> Json:
    content = {
        "application/x-ndjson": {
            "schema": {"type": "string", "description": "A line a document, as in `/score`."}
        },
        "application/x-npy": {"schema": {"type": "string", "contentMediaType": "application/x-npy"}},
    }
    whole = {
        "description": "The result",
        "headers": header_references("X-Request-ID", "ETag"),
        "content": content,
    }
    part = {
        "description": "A part of it",
        "headers": header_references("X-Request-ID", "ETag", "Content-Range"),
        "content": content,
    }
    same = {"description": "The client has it.", "headers": header_references("X-Request-ID", "ETag")}
    text = {"type": "string"}
    parameters = [
        _name(),
        *_query(Part),
        _header("Range", "Which bytes: `bytes=1000-`.", text),
        _header("If-Range", "Only where this is its ETag; else all of it.", text),
    ]
    codes = ("not_found", *_RESULT_PROBLEMS)
    return _operation(
        "result", "Get a result", codes, parameters, status_200=whole, status_206=part, status_304=same
    )


def _json(description: str, schema: str) -> Json:
    return {
        "description": description,
        "headers": header_references("X-Request-ID"),
        "content": {"application/json": {"schema": schema_reference(schema)}},
    }


def _query(kind: type[msgspec.Struct]) -> list[Json]:
    """Describe the members of a query."""
    (schema,), components = msgspec.json.schema_components([kind], ref_template="{name}")
    properties: Json = components[schema["$ref"]]["properties"]
    return [
        {
            "name": name,
            "in": "query",
            "description": described.get("description", ""),
            "schema": {key: value for key, value in described.items() if key != "description"},
        }
        for name, described in properties.items()
    ]


def _header(name: str, description: str, schema: Json) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": schema}


def _name() -> Json:
    return {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
