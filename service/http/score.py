"""`POST /score` and `/explain`: from headers to an answer. The body is bytes on the way in and on the way out."""

import asyncio
from collections.abc import Mapping
from time import monotonic
from types import MappingProxyType
from typing import Protocol

from starlette.types import Receive, Scope, Send

from service.api.outcome import Outcome
from service.api.problems import PROBLEMS, complete, status_of
from service.api.request import Operation
from service.auth.tokens import Authenticator
from service.errors import Refused
from service.http.body import BodyTimeout, ClientDisconnected, RequestWatch, read_body
from service.http.headers import accepted, check_content, content_length, timeout
from service.http.responses import (
    deliver_response,
    problem_headers,
    send_problem,
    send_response,
    server_timing,
)
from service.limits import ScoreLimits
from service.observability.request_record import RequestRecord
from service.scheduling.admission import Permit
from service.scheduling.job import Job

# What a worker is to do, by the media type of the answer.
SCORE: Mapping[str, Operation] = MappingProxyType({"json": "score", "npy": "score_npy"})
EXPLAIN: Mapping[str, Operation] = MappingProxyType({"json": "explain"})

_MEDIA_TYPES = {"json": b"application/json", "npy": b"application/x-npy"}


class JobQueue(Protocol):
    """The part of the dispatcher that scoring needs."""

    def admit(self, subject: str, content_length: int | None, deadline: float) -> Permit:
        """Decide, before the body is read, whether a request may come in."""

    async def submit(self, permit: Permit, job: Job) -> Outcome:
        """Have a request scored; cancelling means that the client has disconnected."""


class ScoreEndpoint:
    """Admits a request by its headers, reads its body, has it worked on by one of `operations`, and answers."""

    def __init__(
        self,
        queue: JobQueue,
        authenticator: Authenticator,
        limits: ScoreLimits,
        operations: Mapping[str, Operation] = SCORE,
    ) -> None:
        self._queue = queue
        self._authenticator = authenticator
        self._limits = limits
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        record: RequestRecord = scope["state"]["record"]
        try:
            await self._score(record, receive, send)
        except Refused as refused:
            status = status_of(refused.code, self._limits.overload_status)
            await send_problem(send, record, refused, [server_timing(record.outcome)], status=status)
        except ClientDisconnected:
            record.disconnected = True

    async def _score(self, record: RequestRecord, receive: Receive, send: Send) -> None:
        """Send the worker's answer.

        Raises: Refused for what is wrong before a worker sees the body, ClientDisconnected.
        """
        fields, limits = record.fields, self._limits
        now = asyncio.get_running_loop().time()
        principal = await self._authenticator.authenticate(fields.get(b"authorization"), limits.scope)
        record.subject = principal.subject
        time_left = timeout(fields, limits.request_timeout_s)
        check_content(fields)
        accept = accepted(fields, self._operations)
        size = content_length(fields, limits.max_body_bytes)
        deadline = now + time_left
        with self._queue.admit(principal.subject, size, deadline) as permit:
            try:
                with RequestWatch(receive, min(limits.body_timeout_s, time_left)) as watch:
                    body = await read_body(receive, limits.max_body_bytes)
                    watch.body_read()
                    record.body_read = True
                    job = Job(record.request_id, principal.subject, body, self._operations[accept], deadline)
                    record.outcome = await self._queue.submit(permit, job)
            except BodyTimeout:
                raise _body_timeout(limits.body_timeout_s, time_left) from None
            record.scored = monotonic()
            # The permit, which is charged with the answer, is held until the kernel has all of it.
            await _send_outcome(send, record, record.outcome, accept)


def _body_timeout(body_timeout_s: float, time_left: float) -> Refused:
    """Return which of the two times was over before the body was complete."""
    if time_left <= body_timeout_s:
        return Refused("deadline_exceeded", "the deadline passed before the body was complete")
    return Refused("body_timeout", f"the body was not complete after {body_timeout_s:g} s")


async def _send_outcome(send: Send, record: RequestRecord, outcome: Outcome, accept: str) -> None:
    record.code = outcome.code
    timing = server_timing(outcome)
    if outcome.code == "ok":
        headers = [(b"content-type", _MEDIA_TYPES[accept]), timing]
        await deliver_response(send, 200, headers, outcome.take_body())
        return
    body = complete(outcome.code, outcome.take_body(), record.request_id)
    headers = [*problem_headers(outcome.code), timing]
    await send_response(send, PROBLEMS[outcome.code].status, headers, body)
