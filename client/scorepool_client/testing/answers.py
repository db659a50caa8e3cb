"""The fake's answer to one request: the same statuses, codes and members as the service's, by a pure function.

It checks what a caller can do wrong: the token, the sizes, the shape of the documents, the media type. It does not
check a token's signature: any token is accepted, or exactly one.
"""

import array
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from scorepool_client.exchange import Reply
from scorepool_client.testing.scores import MODEL, matrix, score, vector_of
from scorepool_client.version import VERSION

# The statuses and titles of the service's problems that a caller can get.
PROBLEMS = {
    "invalid_json": (400, "The body is not JSON"),
    "missing_token": (401, "A bearer token is required"),
    "invalid_token": (401, "The bearer token is not valid"),
    "insufficient_scope": (403, "The token lacks a scope"),
    "not_found": (404, "There is nothing here"),
    "not_acceptable": (406, "The answer has no such media type"),
    "not_ready": (409, "The result is not ready"),
    "no_result": (409, "There is no such result"),
    "job_in_use": (409, "The job is in use"),
    "key_in_use": (409, "The key is in use"),
    "body_too_large": (413, "The body is too large"),
    "too_many_documents": (413, "Too many documents"),
    "document_too_large": (413, "A document is too large"),
    "unsupported_media_type": (415, "The body has the wrong media type"),
    "range_not_satisfiable": (416, "There are no such bytes"),
    "invalid_document": (422, "A document is not valid"),
    "duplicate_id": (422, "Two documents have the same id"),
    "invalid_option": (422, "An option is not valid"),
    "key_reused": (422, "The key was used"),
    "quota_exceeded": (429, "This subject's share is used up"),
    "worker_crashed": (500, "The worker ended unexpectedly"),
    "internal_error": (500, "Something went wrong on our side"),
    "overloaded": (503, "The service is overloaded"),
    "draining": (503, "The service is shutting down"),
    "starting": (503, "The service is starting"),
    "no_workers": (503, "No worker is available"),
    "deadline_exceeded": (504, "The deadline passed"),
    "insufficient_storage": (507, "The disk is full"),
}

_MEMBERS = frozenset({"documents", "similarity", "neighbours", "threshold", "vectors"})


@dataclass(frozen=True, slots=True)
class FakeLimits:
    """The limits that the fake has and says in `/info`; the service's defaults."""

    max_documents: int = 1_000
    max_body_bytes: int = 8 * 1024 * 1024
    max_document_bytes: int = 256 * 1024
    request_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request that the fake got; header names are in lower case. query: the members of its path's query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def request_id(self) -> str:
        """Return the id that the answer gets."""
        return self.headers.get("x-request-id", "fake")

    @property
    def documents(self) -> list[Any]:
        """Return the documents in it, as they were sent; none where it has no body. Of a job: those of JSON lines."""
        if self.path == "/jobs":
            return [json.loads(line) for line in self.body.splitlines() if line.strip()]
        documents: list[Any] = json.loads(self.body)["documents"] if self.body else []
        return documents


class FakeProblemError(Exception):
    """The request is refused with a problem of this code."""

    def __init__(self, code: str, detail: str, pointer: str | None = None) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.pointer = pointer


def problem(
    code: str, detail: str, request_id: str, *, pointer: str | None = None, retry_after_s: int | None = None
) -> Reply:
    """Return the answer with a problem."""
    status, title = PROBLEMS[code]
    body: dict[str, Any] = {"type": f"urn:scorepool:problem:{code}", "title": title, "status": status}
    body |= {"code": code, "request_id": request_id, "detail": detail}
    if pointer is not None:
        body["errors"] = [{"pointer": pointer, "detail": detail}]
    headers = {"content-type": "application/problem+json", "x-request-id": request_id}
    if retry_after_s is not None:
        headers["retry-after"] = str(retry_after_s)
    return Reply(status, headers, json.dumps(body).encode())


def answer(request: RecordedRequest, limits: FakeLimits, token: str | None) -> Reply:
    """Return the answer to one request. token: the only valid one; None: every one is."""
    route, request_id = (request.method, request.path), request.request_id
    headers = {"content-type": "application/json", "x-request-id": request_id}
    if route == ("GET", "/info"):
        info = {
            "name": "scorepool",
            "version": VERSION,
            "model": {**MODEL, "pooling": "mean", "tokenizer": "letters"},
        }
        return Reply(200, headers, json.dumps({**info, "limits": asdict(limits)}).encode())
    if route in {("GET", "/livez"), ("GET", "/readyz")}:
        status = "alive" if request.path == "/livez" else "ready"
        return Reply(200, headers, json.dumps({"status": status}).encode())
    if route != ("POST", "/score"):
        return problem("not_found", f"{request.path}: no such path", request_id)
    try:
        check_token(request.headers, token)
        npy = "application/x-npy" in request.headers.get("accept", "")
        media_type, content = _score(request.body, limits, npy=npy)
    except FakeProblemError as error:
        return problem(error.code, error.detail, request_id, pointer=error.pointer)
    return Reply(200, {**headers, "content-type": media_type}, content)


def check_token(headers: Mapping[str, str], token: str | None) -> None:
    """Raise FakeProblemError without a bearer token, or with another than `token`, where that is given."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given:
        raise FakeProblemError("missing_token", "send Authorization: Bearer and a token")
    if token is not None and given != token:
        raise FakeProblemError("invalid_token", "the token is not the one that the fake accepts")


def _score(body: bytes, limits: FakeLimits, *, npy: bool) -> tuple[str, bytes]:
    if len(body) > limits.max_body_bytes:
        raise FakeProblemError("body_too_large", f"the body has more than {limits.max_body_bytes} bytes")
    try:
        request = json.loads(body)
    except ValueError as error:
        raise FakeProblemError("invalid_json", "not JSON in UTF-8") from error
    if not isinstance(request, dict) or not isinstance(request.get("documents"), list):
        raise FakeProblemError(
            "invalid_document", "expected an object with a list of documents", "/documents"
        )
    ids, texts = _documents(request["documents"], limits)
    for name in request.keys() - _MEMBERS:
        raise FakeProblemError("invalid_option", "unknown member", f"/{name}")
    if not npy:
        return "application/json", json.dumps(score(ids, texts, request)).encode()
    if request.get("similarity") != "matrix":
        raise FakeProblemError("not_acceptable", "application/x-npy needs the similarity matrix")
    return "application/x-npy", npy_file(matrix([vector_of(text) for text in texts]))


def _documents(documents: list[Any], limits: FakeLimits) -> tuple[list[str], list[str]]:
    if len(documents) > limits.max_documents:
        detail = f"documents: {len(documents)} given, at most {limits.max_documents} per request; split the request"
        raise FakeProblemError("too_many_documents", detail)
    if not documents:
        raise FakeProblemError("invalid_document", "expected at least 1 document", "/documents")
    ids, texts = [], []
    for position, document in enumerate(documents):
        text = document.get("text") if isinstance(document, dict) else document
        if not isinstance(text, str):
            raise FakeProblemError("invalid_document", "expected a text", f"/documents/{position}")
        if len(text.encode("utf-8", "surrogatepass")) > limits.max_document_bytes:
            raise FakeProblemError("document_too_large", "the text is too long", f"/documents/{position}")
        name = document.get("id", str(position)) if isinstance(document, dict) else str(position)
        if name in ids:
            raise FakeProblemError("duplicate_id", "ids must be distinct", f"/documents/{position}")
        ids.append(name)
        texts.append(text)
    return ids, texts


def npy_file(rows: list[list[float]]) -> bytes:
    """Return a matrix as an `.npy` file of float32, format version 1.0, which needs no NumPy."""
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(rows)}, {len(rows[0])}), }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    values = array.array("f", [value for row in rows for value in row])
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + values.tobytes()
