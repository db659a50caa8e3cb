"""Every error that a client can see, in one table, and their bodies as RFC 9457 problem details.

A body has two parts. The worker encodes the part that it knows; the server joins the rest to those bytes without
parsing them:

    worker   {"detail": "…", "errors": […]}                       `partial`, under 8 KiB
    server   {"type": …, "title": …, "status": …, "code": …, "request_id": …, + the worker's part   `complete`
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import orjson

from service.limits import OVERLOAD_STATUSES

MEDIA_TYPE = "application/problem+json"

TYPE_PREFIX = "urn:scorepool:problem:"

# Bytes of the worker's part for one faulty request. It shares the shared memory with real answers, and a client
# that sends a thousand faulty documents needs only the first few errors.
MAX_PARTIAL = 8 * 1024

# A JSON pointer (RFC 6901) into the request's body, and what is wrong there.
FieldError = tuple[str, str]


class Problem(NamedTuple):
    """One kind of error: its HTTP status, its constant title, and when a client gets it."""

    status: int
    title: str
    when: str


PROBLEMS: Mapping[str, Problem] = MappingProxyType(
    {
        "invalid_json": Problem(400, "The body is not JSON", "not JSON, not UTF-8, or nested too deep"),
        "invalid_request": Problem(400, "The request is malformed", "a malformed header"),
        "missing_token": Problem(401, "A bearer token is required", "no Authorization header"),
        "invalid_token": Problem(401, "The bearer token is not valid", "expired, wrong key, wrong claims"),
        "insufficient_scope": Problem(
            403, "The token lacks a scope", "the token does not carry the scope asked for"
        ),
        "not_found": Problem(404, "There is nothing here", "no such path"),
        "method_not_allowed": Problem(405, "The method is not allowed here", "see the Allow header"),
        "not_acceptable": Problem(
            406, "The answer has no such media type", "the Accept header excludes every answer"
        ),
        "body_timeout": Problem(408, "The body came too slowly", "the body was not complete in time"),
        "reload_running": Problem(409, "A reload is running", "one reload at a time; ask again later"),
        "not_ready": Problem(409, "The result is not ready", "the job has not ended; ask for its state"),
        "no_result": Problem(409, "There is no such result", "the job has failed, or was not asked for that"),
        "job_in_use": Problem(409, "The job is in use", "another job compares with it"),
        "key_in_use": Problem(
            409, "The key is in use", "a request with the same Idempotency-Key is being served"
        ),
        "body_too_large": Problem(413, "The body is too large", "more bytes than max_body_bytes"),
        "too_many_documents": Problem(413, "Too many documents", "more documents than max_documents"),
        "document_too_large": Problem(
            413, "A document is too large", "a text longer than max_document_bytes"
        ),
        "unsupported_media_type": Problem(
            415, "The body has the wrong media type", "not application/json in UTF-8, or a Content-Encoding"
        ),
        "range_not_satisfiable": Problem(
            416, "There are no such bytes", "a Range that begins behind the end of the result"
        ),
        "invalid_document": Problem(422, "A document is not valid", "documents of the wrong shape"),
        "duplicate_id": Problem(422, "Two documents have the same id", "ids must be distinct"),
        "invalid_option": Problem(422, "An option is not valid", "an option unknown or of the wrong shape"),
        "poison_request": Problem(422, "This body ended two workers", "the same body crashed workers before"),
        "reload_failed": Problem(
            422,
            "The new model cannot be served",
            "the files at the bundle's path; the old model is served on",
        ),
        "key_reused": Problem(
            422, "The key was used", "an Idempotency-Key that came with another corpus or other options"
        ),
        "quota_exceeded": Problem(
            429, "This subject's share is used up", "too much queued work of one subject"
        ),
        "headers_too_large": Problem(431, "The header fields are too large", "over 16 KiB or 64 fields"),
        "worker_crashed": Problem(500, "The worker ended unexpectedly", "the body ended two workers"),
        "internal_error": Problem(500, "Something went wrong on our side", "a fault of the service"),
        "overloaded": Problem(503, "The service is overloaded", "the queue is full; try again later"),
        "draining": Problem(503, "The service is shutting down", "try another replica"),
        "starting": Problem(503, "The service is starting", "the first worker is not ready yet"),
        "no_workers": Problem(503, "No worker is available", "every worker is being restarted"),
        "deadline_exceeded": Problem(504, "The deadline passed", "the answer was not ready in time"),
        "insufficient_storage": Problem(507, "The disk is full", "there is no room for the corpus now"),
    }
)

# What only `POST /reload` answers.
RELOAD_PROBLEMS = ("reload_failed", "reload_running")

# What only the routes of jobs answer.
JOB_PROBLEMS = (
    "not_ready",
    "no_result",
    "job_in_use",
    "key_in_use",
    "range_not_satisfiable",
    "key_reused",
    "insufficient_storage",
)

# Requests that were admitted and did not succeed: the client left, or the server failed.
FAILURES = ("client_closed", *(code for code, problem in PROBLEMS.items() if problem.status in {500, 504}))

# Requests that were refused before any work.
REJECTIONS = tuple(code for code in PROBLEMS if code not in FAILURES)


def status_of(code: str, overload_status: int) -> int:
    """Return the HTTP status of a problem, where `overloaded` has the given one."""
    return overload_status if code == "overloaded" else PROBLEMS[code].status


def _prefix(code: str, status: int) -> bytes:
    head = {"type": TYPE_PREFIX + code, "title": PROBLEMS[code].title, "status": status, "code": code}
    return orjson.dumps(head)[:-1]


_PREFIXES = MappingProxyType(
    {
        (code, status): _prefix(code, status)
        for code in PROBLEMS
        for status in {status_of(code, chosen) for chosen in OVERLOAD_STATUSES}
    }
)


def partial(detail: str, errors: Iterable[FieldError] = ()) -> bytes:
    """Encode the worker's part: `detail` and `errors` as a JSON object of at most `MAX_PARTIAL` bytes.

    When it would be larger, errors are left out from the end.
    """
    listed = [{"pointer": pointer, "detail": text} for pointer, text in errors]
    while True:
        body = orjson.dumps({"detail": detail, "errors": listed} if listed else {"detail": detail})
        if len(body) <= MAX_PARTIAL:
            return body
        if not listed:
            return orjson.dumps({"detail": detail[: MAX_PARTIAL // 8]})
        del listed[len(listed) // 2 :]


def complete(code: str, part: bytes, request_id: str, status: int | None = None) -> bytes:
    """Return a whole body: the table's members for `code`, then the bytes that `partial` returned.

    `request_id` has only the characters `A-Za-z0-9._-`, so it needs no escaping. `status` is the table's, where it is
    not given.
    """
    prefix = _PREFIXES[code, status or PROBLEMS[code].status]
    return b'%b,"request_id":"%b",%b' % (prefix, request_id.encode("ascii"), part[1:])


def problem(code: str, detail: str, request_id: str, status: int | None = None) -> bytes:
    """Return a whole body for an error that the server process itself found."""
    return complete(code, partial(detail), request_id, status)
