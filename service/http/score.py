"""`POST /score` and `/explain`: from headers to an answer. The body is bytes on the way in and on the way out."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from starlette.types import Receive, Scope, Send

from service.api.outcome import Outcome
from service.api.problems import PROBLEMS, complete, status_of
from service.api.request import Operation
from service.api.scorer import BINARY, ScorerDescription
from service.auth.tokens import Authenticator
from service.errors import Refused
from service.http.body import BodyTimeout, ClientDisconnected, RequestWatch, RequestWatches, read_body
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


@dataclass(frozen=True, slots=True)
class Work:
    """What a route has workers do.

    operations and media_types: by the name of an answer's form, the preferred one first. accepts: media types of a
    body, empty for any, None for JSON. raw: the media type of an answer that the scorer gives as bytes.
    """

    operations: Mapping[str, Operation]
    media_types: Mapping[str, bytes]
    accepts: frozenset[bytes] | None = None
    raw: bytes = BINARY.encode()


SCORE = Work(
    {"json": "score", "npy": "score_npy"}, {"json": b"application/json", "npy": b"application/x-npy"}
)
EXPLAIN = Work({"json": "explain"}, {"json": b"application/json"})


def work_of(scorer: ScorerDescription) -> Work:
    """Return what `/score` has workers do for this scorer."""
    if "score_npy" in scorer.operations:
        return SCORE
    raw = scorer.media_type.encode()
    accepts = frozenset(kind.lower().encode() for kind in scorer.accepts) if scorer.reads == "bytes" else None
    name, media_type = ("raw", raw) if scorer.answers == "bytes" else ("json", b"application/json")
    return Work({name: "score"}, {name: media_type}, accepts, raw)


class JobQueue(Protocol):
    """The part of the dispatcher that scoring needs."""

    def admit(self, subject: str, content_length: int | None, deadline: float) -> Permit:
        """Decide, before the body is read, whether a request may come in."""

    async def submit(self, permit: Permit, job: Job) -> Outcome:
        """Have a request scored; cancelling means that the client has disconnected."""


class ScoreEndpoint:
    """Admits a request by its headers, reads its body, has it worked on, and answers."""

    def __init__(
        self,
        queue: JobQueue,
        authenticator: Authenticator,
        limits: ScoreLimits,
        work: Work = SCORE,
    ) -> None:
        self._queue = queue
        self._authenticator = authenticator
        self._limits = limits
        self._work = work
        self._watches = RequestWatches()

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
        loop = asyncio.get_running_loop()
        now = loop.time()
        principal = await self._authenticator.authenticate(fields.get(b"authorization"), limits.scope)
        record.subject = principal.subject
        time_left = timeout(fields, limits.request_timeout_s)
        check_content(fields, self._work.accepts)
        accept = accepted(fields, self._work.media_types)
        size = content_length(fields, limits.max_body_bytes)
        deadline = now + time_left
        with self._queue.admit(principal.subject, size, deadline) as permit:
            try:
                with RequestWatch(
                    self._watches, receive, loop, min(limits.body_timeout_s, time_left)
                ) as watch:
                    body = await read_body(receive, limits.max_body_bytes)
                    watch.body_read()
                    record.body_read = True
                    job = Job(
                        record.request_id, principal.subject, body, self._work.operations[accept], deadline
                    )
                    record.outcome = await self._queue.submit(permit, job)
            except BodyTimeout:
                raise _body_timeout(limits.body_timeout_s, time_left) from None
            record.scored = monotonic()
            # The permit, which is charged with the answer, is held until the kernel has all of it.
            media_type = self._work.raw if record.outcome.raw else self._work.media_types[accept]
            await _send_outcome(send, record, record.outcome, media_type)


def _body_timeout(body_timeout_s: float, time_left: float) -> Refused:
    """Return which of the two times was over before the body was complete."""
    if time_left <= body_timeout_s:
        return Refused("deadline_exceeded", "the deadline passed before the body was complete")
    return Refused("body_timeout", f"the body was not complete after {body_timeout_s:g} s")


async def _send_outcome(send: Send, record: RequestRecord, outcome: Outcome, media_type: bytes) -> None:
    record.code = outcome.code
    timing = server_timing(outcome)
    if outcome.code == "ok":
        headers = [(b"content-type", media_type), timing]
        await deliver_response(send, 200, headers, outcome.take_body())
        return
    body = complete(outcome.code, outcome.take_body(), record.request_id)
    headers = [*problem_headers(outcome.code), timing]
    await send_response(send, PROBLEMS[outcome.code].status, headers, body)
