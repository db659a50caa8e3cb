"""Responses as ASGI messages or as bytes: status, headers and body, and the headers of each problem."""

from collections.abc import Iterable, Sequence
from functools import cache
from http import HTTPStatus
from types import MappingProxyType

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.api.outcome import Outcome
from service.api.problems import MEDIA_TYPE, PROBLEMS, complete, partial, problem
from service.errors import Refused
from service.observability.request_record import RequestRecord

Header = tuple[bytes, bytes]

# RFC 6750, 3: what is wrong with the token; without a token there is no error, only the scheme.
_CHALLENGES = MappingProxyType(
    {
        "missing_token": (b"www-authenticate", b"Bearer"),
        "invalid_token": (b"www-authenticate", b'Bearer error="invalid_token"'),
        "insufficient_scope": (b"www-authenticate", b'Bearer error="insufficient_scope"'),
    }
)

# After these the connection closes: the rest of the body would follow, or another replica is to be tried.
_CLOSING = frozenset({"body_too_large", "body_timeout", "draining"})


# What every response says unless its endpoint says otherwise: it is data, never a page, and for this client alone.
API_HEADERS: Sequence[Header] = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


# What uvicorn's own connections, for example, buffer before they have a sender wait.
SMALL_BODY_BYTES = 64 * 1024

_STATUS_LINES = MappingProxyType(
    {status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
)


class FixedResponse:
    """An endpoint that always answers the same."""

    def __init__(self, media_type: str, body: bytes, headers: Iterable[Header] = ()) -> None:
        self._headers = [(b"content-type", media_type.encode()), *headers]
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await send_response(send, 200, self._headers, self._body)


async def send_response(send: Send, status: int, headers: Iterable[Header], body: bytes) -> None:
    """Send a whole response; servers other than the service's own may still have some of it when this returns."""
    head = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def deliver_response(send: Send, status: int, headers: Iterable[Header], body: bytes) -> None:
    """Send a whole response, and return when its last byte is with the kernel or the client is gone.

    The body is one message and never cut: the connection keeps a reference to what the kernel has not taken, and no
    copy. The service's own connections return from the last message when they have nothing left to write. Other
    servers buffer as much as they do; behind a body that is more than they buffer, a second, empty message waits.
    """
    if len(body) <= SMALL_BODY_BYTES:
        await send_response(send, status, headers, body)
        return
    head = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def encode_head(status: int, headers: Sequence[Header]) -> bytes:
    """Return the head of an HTTP/1.1 response. Raises: RuntimeError for a line break in a header."""
    head = b"".join([_STATUS_LINES[status], *[b"%b: %b\r\n" % header for header in headers], b"\r\n"])
    lines = len(headers) + 2
    if head.count(b"\n") != lines or head.count(b"\r") != lines:
        raise RuntimeError("a response header has a line break in it")
    return head


def encode_response(status: int, headers: Iterable[Header], body: bytes) -> bytes:
    """Return a whole HTTP/1.1 response as bytes, for what is answered without the application."""
    return encode_head(status, [*headers, (b"content-length", b"%d" % len(body))]) + body


async def send_problem(
    send: Send,
    record: RequestRecord,
    refused: Refused,
    headers: Iterable[Header] = (),
    *,
    status: int | None = None,
) -> None:
    """Send the problem that `refused` names, with the status that the table has for it unless one is given."""
    status = status or PROBLEMS[refused.code].status
    every = [*headers, *problem_headers(refused.code, refused.retry_after)]
    record.code = refused.code
    await send_response(send, status, every, problem(refused.code, refused.detail, record.request_id, status))


def server_timing(outcome: Outcome | None) -> Header:
    """Return the stages of the request in milliseconds (W3C Server Timing)."""
    if outcome is None:
        return (b"server-timing", b"queue;dur=0")
    stages = outcome.facts.stages
    spent = [outcome.queue_ms, *(ms for _, ms in stages)]
    return (b"server-timing", _timing_format(tuple(name for name, _ in stages)) % tuple(spent))


@cache
def _timing_format(stages: tuple[str, ...]) -> bytes:
    """Return the format of a timing with these stages behind the queue; few different ones are asked for."""
    return b", ".join(b"%b;dur=%%.3f" % name.encode() for name in ("queue", *stages))


def problem_headers(code: str, retry_after: int | None = None) -> list[Header]:
    """Return the headers of a response with this problem, besides `Content-Length`."""
    headers = [(b"content-type", MEDIA_TYPE.encode())]
    if code in _CHALLENGES:
        headers.append(_CHALLENGES[code])
    if code in _CLOSING:
        headers.append((b"connection", b"close"))
    if retry_after is not None or PROBLEMS[code].status == 503:
        headers.append((b"retry-after", b"%d" % max(1, retry_after or 1)))
    return headers


async def http_exception_response(request: Request, error: Exception) -> Response:
    """Answer what the framework found wrong: no such path, or not that method (OPTIONS is told which)."""
    assert isinstance(error, HTTPException)
    allowed = sorted({"OPTIONS", *((error.headers or {}).get("Allow", "").split(", "))} - {""})
    if error.status_code == 404:
        code, detail = "not_found", "there is nothing at this path; /docs lists what there is"
    elif request.method == "OPTIONS":
        return Response(status_code=204, headers={"allow": ", ".join(allowed)})
    elif error.status_code == 405:
        code, detail = "method_not_allowed", f"this path takes {', '.join(allowed)}"
    else:
        code, detail = "invalid_request", "the request cannot be served"
    record: RequestRecord = request.state.record
    record.code = code
    body = complete(code, partial(detail), record.request_id)
    response = Response(body, PROBLEMS[code].status, media_type=MEDIA_TYPE)
    if code == "method_not_allowed":
        response.headers["allow"] = ", ".join(allowed)
    return response
