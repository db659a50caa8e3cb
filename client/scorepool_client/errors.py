"""Everything that a call can raise, and the fields that each of these errors has.

ScorepoolError
├── InvalidRequestError    the request must change: 400, 404, 405, 406, 408, 413, 415, 422, 431
├── AuthenticationError    no token, one that is not accepted, or one without the scope: 401, 403
├── OverloadedError        the service refuses work for now: 429, 503; `retry_after_s` says for how long
├── DeadlineExceededError  no answer in time, by this clock or the service's (504)
├── ServerError            the service failed: 500, or another status of 500 and more
├── UnreachableError       no connection; nothing was sent
├── ConnectionLostError    the connection ended after the request was sent, before the whole answer came
├── CircuitOpenError       not sent: the last calls found no service
└── InvalidAnswerError     the answer is none of this service's
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple


class FieldError(NamedTuple):
    """A JSON pointer (RFC 6901) into the request's body, and what is wrong there."""

    pointer: str
    detail: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What is known of a failure: the service's problem (RFC 9457), or the client's own words for one.

    code: as in the service's documentation; `unreachable`, `connection_lost`, `circuit_open`, `invalid_answer` and,
        where no answer came, `deadline_exceeded` are the client's.
    status: of the HTTP answer, None where there was none.
    retry_after_s: how long the service asks to wait, None where it does not say.
    """

    code: str
    title: str
    detail: str
    status: int | None = None
    errors: tuple[FieldError, ...] = ()
    retry_after_s: float | None = None


class ScorepoolError(Exception):
    """A call that has no result.

    request_id: as in the service's log; it is the same for all attempts of a call.
    attempts: how many requests were sent for the call.
    """

    def __init__(self, problem: Problem, request_id: str = "", attempts: int = 0) -> None:
        super().__init__(problem, request_id, attempts)  # the arguments, so that it can be pickled
        self.problem = problem
        self.request_id = request_id
        self.attempts = attempts

    def __str__(self) -> str:
        """Return what went wrong, and by which name the service's log knows the request."""
        known = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.code}: {self.detail}{known}"

    @property
    def code(self) -> str:
        """Return the problem's code."""
        return self.problem.code

    @property
    def title(self) -> str:
        """Return the kind of problem in a few words."""
        return self.problem.title

    @property
    def detail(self) -> str:
        """Return what was wrong with this request and what to change."""
        return self.problem.detail

    @property
    def status(self) -> int | None:
        """Return the status of the HTTP answer, None where there was none."""
        return self.problem.status

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """Return the faults in the request's body, none where they are not known."""
        return self.problem.errors

    @property
    def retry_after_s(self) -> float | None:
        """Return how long to wait before the next call, None where that is not known."""
        return self.problem.retry_after_s


class InvalidRequestError(ScorepoolError):
    """The request must change before it is sent again."""


class AuthenticationError(ScorepoolError):
    """The token is missing, not accepted, or lacks a scope."""


class OverloadedError(ScorepoolError):
    """The service refuses work for now: it is overloaded, starting or draining, or a share is used up."""


class DeadlineExceededError(ScorepoolError):
    """There was no answer within the time that the call had."""


class ServerError(ScorepoolError):
    """The service failed."""


class UnreachableError(ScorepoolError):
    """There was no connection to the service; nothing was sent."""


class ConnectionLostError(ScorepoolError):
    """The connection ended after the request was sent and before the whole answer came."""


class CircuitOpenError(ScorepoolError):
    """Nothing was sent, because the last calls found no service; `retry_after_s` says when one is tried again."""


class InvalidAnswerError(ScorepoolError):
    """The answer is none of this service's; the address may be wrong."""


def error_of_status(status: int) -> type[ScorepoolError]:
    """Return the class for an HTTP status that is no success."""
    if status in {401, 403}:
        return AuthenticationError
    if status in {429, 503}:
        return OverloadedError
    if status == 504:
        return DeadlineExceededError
    if status >= 500:
        return ServerError
    return InvalidRequestError if status >= 400 else InvalidAnswerError


def read_problem(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Problem:
    """Return the problem in an answer that is no success. Members that this version does not know are ignored.

    An answer without one, as from a proxy, gets the code `http_` and its status. now: Unix time, for a Retry-After
    that is a date.
    """
    members = _members(body)
    code, title = members.get("code"), members.get("title")
    return Problem(
        code=code if isinstance(code, str) else f"http_{status}",
        title=title if isinstance(title, str) else "No success",
        detail=str(members.get("detail") or f"the answer has the status {status} and says no more"),
        status=status,
        errors=tuple(_field_errors(members.get("errors"))),
        retry_after_s=retry_after(headers.get("retry-after"), now),
    )


def _members(body: bytes) -> Mapping[str, Any]:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}


def _field_errors(items: object) -> list[FieldError]:
    entries = items if isinstance(items, list) else []
    return [
        FieldError(str(entry.get("pointer", "")), str(entry.get("detail", "")))
        for entry in entries
        if isinstance(entry, dict)
    ]


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, None where it is missing or makes no sense.

    It is a whole number of seconds from this service, and may be a date from a proxy (RFC 9110, 10.2.3).
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
