"""One call, without input or output: a generator that yields what to do next, and is told how it went.

    steps ──→ Send(request, time)      ←── Reply(status, headers, body), or Loss (there is no answer, and why)
          ──→ Sleep(seconds)           ←── nothing
          ──→ FetchToken(refused)      ←── the token, or the exception of the function that gives it
          return Reply                     an answer that is a success; every other end raises a ScorepoolError

A call whose answer is read as it comes (`Call.stream`) returns at its head, and goes on with

          ──→ Read(stream)             ←── bytes, none at the end; or Loss
          ──→ Emit(value)              ←── nothing; the value is for the caller

`Client` and `AsyncClient` do these steps in their ways and decide nothing.

A request is sent again when its connection was not made, and after 429 and 503. It is also sent again, once, when a
kept connection ends before the first byte of the answer: the service closes connections that are idle, and a request
can cross with that. It was then never read; and should it have been, a second run of it has no effect but its result,
because scoring changes nothing. On a new connection the same means that the service failed with the request in hand,
and that may be the request's doing: it is not sent again. Neither is it after a wait for the answer that took too long.

A call that is `repeatable` has the same effect however often it arrives: it only reads, or its Idempotency-Key says so.
It is sent again after every loss but the end of its time, and after 500, 502 and 504. While its key is in use, which is
an earlier attempt that is still served, it is sent again for as long as it has time.
"""

import enum
import re
import uuid
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar

from scorepool_client.circuit import Circuit
from scorepool_client.clock import Clock
from scorepool_client.errors import (
    AuthenticationError,
    CircuitOpenError,
    ConnectionLostError,
    DeadlineExceededError,
    Problem,
    ScorepoolError,
    UnreachableError,
    error_of_status,
    read_problem,
)
from scorepool_client.passing_on import Origin
from scorepool_client.retry import RetryBudget, RetryPolicy
from scorepool_client.tokens import TokenCache

# A request is not repeated with less time than this: no answer comes so fast, and the caller gets the better error.
LEAST_TIME_S = 0.01

# The service is told a little less than what remains, so that its answer that the deadline passed is back in time:
# the caller gets the service's own words, and the connection stays open. It answers within some milliseconds.
RETURN_S, RETURN_SHARE = 0.05, 0.05

# Between two attempts while the key is in use: the service answers 409 before it reads the body.
KEY_IN_USE_S = 1.0

_SENDABLE = re.compile(r"[!-~]+")


NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Reply(NamedTuple):
    """An answer over HTTP; header names are in lower case. stream: what is to be read, in place of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    stream: Any = None


class Body(Protocol):
    """A body that is sent in chunks, from its beginning each time. headers: what is said of it, its size included."""

    headers: Mapping[str, str]

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes."""


class LossKind(enum.Enum):
    """Why there is no answer."""

    UNREACHABLE = "no connection was made, so nothing was sent"
    STALE = "a kept connection ended before the first byte of an answer"
    LOST = "the connection ended while an answer was awaited or came"
    TIMEOUT = "the time was over"


class Loss(NamedTuple):
    """A request without an answer; detail: what the transport says."""

    kind: LossKind
    detail: str


class Send(NamedTuple):
    """Send this request and read the whole answer within `time_s`; with `stream`, its head alone if it is a success."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | Body | None
    time_s: float
    stream: bool = False


class Read(NamedTuple):
    """Read on in the answer of a request that was sent with `stream`; only the last one is open."""

    stream: Any


class Emit(NamedTuple):
    """Give this to the caller, and go on when that one asks for more."""

    value: Any


class Sleep(NamedTuple):
    """Wait."""

    seconds: float


class FetchToken(NamedTuple):
    """Get a token from the user's function, unless another call has meanwhile; not the `refused` one."""

    refused: str | None


Step = Send | Sleep | FetchToken | Read | Emit

Result = TypeVar("Result")

# A call, and what it returns.
Steps = Generator[Step, Any, Result]


@dataclass(frozen=True, slots=True)
class Shared:
    """What all calls of a client share."""

    clock: Clock
    rng: Random
    retry: RetryPolicy
    budget: RetryBudget
    circuit: Circuit
    tokens: TokenCache


@dataclass(frozen=True, slots=True)
class Call:
    """What one call asks for.

    patient: wait, within the deadline, for an open circuit and an empty budget, rather than fail at once.
    origin: what it passes on. headers: others of the request.
    repeatable: it may arrive twice. stream: its answer is read as it comes; the timeout is for its head.
    """

    method: str
    path: str
    body: bytes | Body | None
    timeout_s: float
    accept: str = "application/json"
    patient: bool = False
    origin: Origin = field(default_factory=Origin)
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False
    stream: bool = False


class Exchange:
    """One call on its way: its attempts, its retries, its deadline."""

    def __init__(self, shared: Shared, call: Call) -> None:
        self._shared = shared
        self._call = call
        self._deadline = shared.clock.monotonic() + call.origin.limit(call.timeout_s)
        self.request_id = call.origin.request_id or uuid.uuid4().hex
        self.attempts = 0
        self._retries = 0
        self._token: str | None = None
        self._refused: str | None = None
        self._stale = False

    def steps(self) -> Steps[Reply]:
        """Yield what to do, until there is an answer that is a success. Raises: ScorepoolError."""
        self._shared.budget.note_call()
        while True:
            yield from self._prepare_token()
            yield from self._enter_circuit()
            outcome = yield from self._attempt()
            if isinstance(outcome, Reply) and 200 <= outcome.status < 300:
                return outcome
            error = self._error(outcome)
            if self._renew_token(error):
                continue
            yield from self._wait_for_retry(outcome, error)

    def _attempt(self) -> Steps[Reply | Loss]:
        outcome: Reply | Loss | None = None
        try:
            remaining = self._remaining("the request was sent")
            self.attempts += 1
            call = self._call
            outcome = yield Send(
                call.method, call.path, self._headers(remaining), call.body, remaining, call.stream
            )
        finally:
            # Here, too, when the call is cancelled: a probe that tells nothing must not block the next one.
            self._note(outcome)
        return outcome

    def _note(self, outcome: Reply | Loss | None) -> None:
        circuit = self._shared.circuit
        if isinstance(outcome, Reply) and not _is_of_gateway(outcome):
            circuit.succeed()
        elif outcome is None or (isinstance(outcome, Loss) and outcome.kind is LossKind.TIMEOUT):
            circuit.leave()
        else:
            circuit.fail(self._shared.clock.monotonic())

    def _headers(self, remaining: float) -> dict[str, str]:
        origin = self._call.origin
        headers = {
            "Accept": self._call.accept,
            "X-Request-ID": self.request_id,
            "X-Request-Timeout-Ms": str(
                max(1, int(1e3 * (remaining - min(RETURN_S, RETURN_SHARE * remaining))))
            ),
        }
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        if isinstance(self._call.body, bytes):
            headers["Content-Type"] = "application/json"
        elif self._call.body is not None:
            headers |= self._call.body.headers
        if origin.traceparent:
            headers["traceparent"] = origin.traceparent
            if origin.tracestate:
                headers["tracestate"] = origin.tracestate
        return {**headers, **self._call.headers}

    def _prepare_token(self) -> Steps[None]:
        tokens = self._shared.tokens
        self._token = tokens.current(self._shared.clock.unix(), self._refused)
        if self._token is None and tokens.needed:
            self._remaining("there was a token")
            token = yield FetchToken(self._refused)
            if not isinstance(token, str):
                raise self._no_token(f"the function that gives tokens failed: {token!r}") from token
            self._token = token
        # The HTTP library would say which value it refuses, and so would a log.
        if self._token is not None and not _SENDABLE.fullmatch(self._token):
            raise self._no_token("the token holds characters that a header cannot carry")

    def _no_token(self, detail: str) -> AuthenticationError:
        problem = Problem("no_token", "There is no token to send", detail)
        return AuthenticationError(problem, self.request_id, self.attempts)

    def _renew_token(self, error: ScorepoolError) -> bool:
        if error.status != 401 or self._refused is not None or not self._shared.tokens.renewable:
            return False
        self._refused = self._token
        return True

    def _enter_circuit(self) -> Steps[None]:
        while wait := self._shared.circuit.enter(self._shared.clock.monotonic()):
            if not self._call.patient or not self._has_time_for(wait):
                detail = f"not sent: the last calls found no service; it is tried again in {wait:.1f} s"
                problem = Problem("circuit_open", "The service is down", detail, retry_after_s=wait)
                raise CircuitOpenError(problem, self.request_id, self.attempts)
            yield Sleep(wait)

    def _wait_for_retry(self, outcome: Reply | Loss, error: ScorepoolError) -> Steps[None]:
        """Wait before the next attempt. Raises: `error` when there must not be one."""
        if self._call.repeatable and error.code == "key_in_use":
            yield from self._wait_for_key(error)
            return
        if not self._may_retry(outcome, error):
            raise error
        self._retries += 1
        shared = self._shared
        wait = (error.retry_after_s or 0.0) + shared.retry.backoff(self._retries, shared.rng)
        now = shared.clock.monotonic()
        longest = self._deadline - now - LEAST_TIME_S
        if wait > longest:
            raise error
        if self._call.patient:
            borrowed = shared.budget.borrow(now, longest)
            wait = max(wait, borrowed or 0.0)
        else:
            borrowed = 0.0 if shared.budget.withdraw(now) else None
        if borrowed is None:
            raise error
        yield Sleep(wait)

    def _wait_for_key(self, error: ScorepoolError) -> Steps[None]:
        """Wait for an earlier attempt: it costs the service nothing, so neither retries nor budget count."""
        shared = self._shared
        wait = max(error.retry_after_s or 0.0, KEY_IN_USE_S) + shared.retry.backoff(1, shared.rng)
        if not self._has_time_for(wait):
            raise error
        yield Sleep(wait)

    def _may_retry(self, outcome: Reply | Loss, error: ScorepoolError) -> bool:
        if not self._call.patient and self._retries >= self._shared.retry.max_retries:
            return False
        repeatable = self._call.repeatable
        if isinstance(outcome, Reply):
            return outcome.status in {429, 503} or (repeatable and outcome.status in {500, 502, 504})
        if outcome.kind is LossKind.STALE and not self._stale:
            self._stale = True
            return True
        return outcome.kind is LossKind.UNREACHABLE or (repeatable and outcome.kind is not LossKind.TIMEOUT)

    def _has_time_for(self, seconds: float) -> bool:
        return self._shared.clock.monotonic() + seconds < self._deadline - LEAST_TIME_S

    def _remaining(self, event: str) -> float:
        remaining = self._deadline - self._shared.clock.monotonic()
        if remaining <= 0:
            raise self._expired(f"the time of the call was over before {event}")
        return remaining

    def _expired(self, detail: str) -> DeadlineExceededError:
        problem = Problem("deadline_exceeded", "The deadline passed", detail)
        return DeadlineExceededError(problem, self.request_id, self.attempts)

    def _error(self, outcome: Reply | Loss) -> ScorepoolError:
        if isinstance(outcome, Reply):
            problem = read_problem(*outcome[:3], now=self._shared.clock.unix())
            return error_of_status(outcome.status)(problem, self.request_id, self.attempts)
        if outcome.kind is LossKind.TIMEOUT:
            return self._expired(f"no answer within the time of the call ({outcome.detail})")
        if outcome.kind is LossKind.UNREACHABLE:
            problem = Problem("unreachable", "The service cannot be reached", outcome.detail)
            return UnreachableError(problem, self.request_id, self.attempts)
        problem = Problem("connection_lost", "The connection was lost", outcome.detail)
        return ConnectionLostError(problem, self.request_id, self.attempts)


def _is_of_gateway(reply: Reply) -> bool:
    """Return whether a proxy says that it finds no service: its own 502 or 504, which is no problem document."""
    return reply.status in {502, 504} and "problem+json" not in reply.headers.get("content-type", "")
