"""`/jobs`: corpora in, states and results out. What a client may see are its own jobs, by its token's subject."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import aclosing, asynccontextmanager
from time import time
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from service.api.job import (
    JOB_EVENTS_ROUTE,
    JOB_RESULT_ROUTE,
    JOB_ROUTE,
    JOB_ROUTES,
    JOBS_ROUTE,
    Job,
    Page,
    Part,
)
from service.auth.tokens import Authenticator, Principal
from service.errors import Refused
from service.http.body import ClientDisconnected
from service.http.byte_ranges import asked_range, is_current
from service.http.headers import accepted
from service.http.job_requests import body_pieces, new_job, read_query
from service.http.responses import Header, send_problem, send_response
from service.jobs.engine import ResultFile, ResultPart
from service.jobs.jobs import Jobs, Viewer
from service.observability.request_record import RequestRecord

# The scope that every route needs, and the one that shows everyone's jobs.
JOBS_SCOPE = "jobs"
ALL_JOBS_SCOPE = "jobs.all"

# Of a stream of events: the silence after which a comment keeps the connection open, below the 30 s of common proxies,
# and the least time between two events of progress.
HEARTBEAT_S = 15.0
PROGRESS_S = 0.5

_JSON: Header = (b"content-type", b"application/json")
_NDJSON = b"application/x-ndjson"
_NPY = b"application/x-npy"
_RESULT_TYPES: Mapping[str, bytes] = {"ndjson": _NDJSON, "npy": _NPY}

_WITHOUT_STATE = Refused(
    "not_found",
    "this service keeps no jobs; start it with state_dir, the folder for them, and with the built-in scorer",
)

T = TypeVar("T")


def job_routes(jobs: Jobs | None, authenticator: Authenticator, silence_s: float) -> list[Route]:
    """Return the routes of jobs. `silence_s`: how long a sender may pause."""
    if jobs is None:
        return [
            Route(path, WithoutJobs(), methods=["GET", "POST", "DELETE"], include_in_schema=False)
            for path in JOB_ROUTES
        ]
    guard = Guard(authenticator)
    return [
        Route(JOBS_ROUTE, JobsEndpoint(jobs, guard, silence_s), methods=["GET", "POST"]),
        Route(JOB_ROUTE, JobEndpoint(jobs, guard), methods=["GET", "DELETE"]),
        Route(JOB_EVENTS_ROUTE, JobEventsEndpoint(jobs, guard), methods=["GET"]),
        Route(JOB_RESULT_ROUTE, JobResultEndpoint(jobs, guard), methods=["GET"]),
    ]


class WithoutJobs:
    """Says which setting is missing."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse one request."""
        raise _WITHOUT_STATE


class Guard:
    """Knows whose request it is."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def admit(self, record: RequestRecord) -> tuple[Principal, Viewer]:
        """Return who asks, and what that one sees. Raises: Refused."""
        principal = await self._authenticator.authenticate(record.fields.get(b"authorization"), JOBS_SCOPE)
        record.subject = principal.subject
        return principal, Viewer(principal.subject, ALL_JOBS_SCOPE in principal.scopes)


class JobsEndpoint:
    """Takes corpora, and lists jobs."""

    def __init__(self, jobs: Jobs, guard: Guard, silence_s: float) -> None:
        self._jobs = jobs
        self._guard = guard
        self._silence_s = silence_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises: Refused."""
        record: RequestRecord = scope["state"]["record"]
        principal, viewer = await self._guard.admit(record)
        if scope["method"] != "POST":
            page = read_query(scope, Page)
            await _send_json(send, 200, self._jobs.list(viewer, page.limit, page.after))
            return
        try:
            job = await self._submit(scope, record, principal, receive)
        except ClientDisconnected:
            record.disconnected = True
            return
        prefix = scope.get("root_path", "").encode()
        await _send_json(send, 201, job, (b"location", prefix + b"/jobs/" + job.id.encode()))

    async def _submit(
        self, scope: Scope, record: RequestRecord, principal: Principal, receive: Receive
    ) -> Job:
        """Return the job of a corpus. Raises: Refused, ClientDisconnected, which leaves nothing of it."""
        new = new_job(scope, record.fields, principal.subject, self._jobs.limits.upload_bytes)
        read = asyncio.Event()

        def note_end() -> None:
            record.body_read = True
            read.set()

        record.streams = True
        pieces = body_pieces(receive, self._silence_s, note_end)
        return await unless_gone(self._jobs.submit(new, pieces), receive, read)


class JobEndpoint:
    """Describes a job, and deletes it."""

    def __init__(self, jobs: Jobs, guard: Guard) -> None:
        self._jobs = jobs
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises: Refused."""
        _, viewer = await self._guard.admit(scope["state"]["record"])
        name: str = scope["path_params"]["id"]
        if scope["method"] == "DELETE":
            await self._jobs.delete(viewer, name)
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await _send_json(send, 200, self._jobs.get(viewer, name))


class JobEventsEndpoint:
    """Streams what becomes of a job (server-sent events), until its end.

    `state`: it is in another state; `progress`: more of it is done. The data of both is the job.
    """

    def __init__(self, jobs: Jobs, guard: Guard, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._jobs = jobs
        self._guard = guard
        self._heartbeat_s = heartbeat_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises: Refused."""
        record: RequestRecord = scope["state"]["record"]
        principal, viewer = await self._guard.admit(record)
        name: str = scope["path_params"]["id"]
        self._jobs.get(viewer, name)
        headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        events = self._events(viewer, name, principal.expires)
        async with watched(receive) as gone:
            while not gone.done():
                following = asyncio.ensure_future(anext(events, b""))
                await asyncio.wait([gone, following], return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    following.cancel()
                    await asyncio.wait([following])
                    break
                event = following.result()
                if not event:
                    break
                await send({"type": "http.response.body", "body": event, "more_body": True})
            record.disconnected = gone.done()
        await send({"type": "http.response.body", "body": b""})

    async def _events(self, viewer: Viewer, name: str, until: float) -> AsyncIterator[bytes]:
        """Yield what is sent, until the job or the token ends, or the server drains."""
        yield b"retry: 1000\n\n"
        last: Job | None = None
        while time() < until and not self._jobs.stopping:
            try:
                job = self._jobs.get(viewer, name)
            except Refused:
                return  # it was removed
            if job != last:
                kind = b"progress" if last is not None and last.state == job.state else b"state"
                last = job
                yield b"event: %b\ndata: %b\n\n" % (kind, msgspec.json.encode(job))
                if job.ended is not None:
                    return
                await self._jobs.pause(PROGRESS_S)
                if self._jobs.get_or_none(viewer, name) != job:
                    continue
            if not await self._jobs.change(name, self._heartbeat_s):
                yield b": still there\n\n"


class JobResultEndpoint:
    """Sends the result of a job that is done, or a range of its bytes."""

    def __init__(self, jobs: Jobs, guard: Guard) -> None:
        self._jobs = jobs
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises: Refused."""
        record: RequestRecord = scope["state"]["record"]
        fields = record.fields
        _, viewer = await self._guard.admit(record)
        part = read_query(scope, Part)
        form = accepted(fields, _RESULT_TYPES)
        kind: ResultPart = "vectors" if form == "npy" else part.part
        result = await self._jobs.result(viewer, scope["path_params"]["id"], kind, part)
        etag = b'"%b"' % result.digest.encode()
        headers: list[Header] = [
            (b"content-type", _RESULT_TYPES[form]),
            (b"etag", etag),
            (b"accept-ranges", b"bytes"),
            (b"vary", b"accept"),
        ]
        if is_current(fields, etag):
            await _send_empty(send, 304, headers)
            return
        try:
            span = asked_range(fields, etag, result.size)
        except Refused as refused:
            unit = (b"content-range", b"bytes */%d" % result.size)
            await send_problem(send, record, refused, [unit])
            return
        await _send_head(send, headers, result.size, span)
        if scope["method"] != "HEAD":
            await self._send_body(receive, send, result, span or (0, result.size))
        await send({"type": "http.response.body", "body": b""})

    async def _send_body(
        self, receive: Receive, send: Send, result: ResultFile, span: tuple[int, int]
    ) -> None:
        """Send bytes of a result, as long as there is someone who takes them."""
        pieces = self._jobs.read(result, *span)
        async with watched(receive) as gone, aclosing(pieces):
            async for piece in pieces:
                if gone.done():
                    break
                await send({"type": "http.response.body", "body": piece, "more_body": True})


async def unless_gone(work: Coroutine[Any, Any, T], receive: Receive, read: asyncio.Event) -> T:
    """Return what `work` returns; when the client leaves after its body was `read`, cancel it.

    Raises: ClientDisconnected, and what `work` raises.
    """
    task = asyncio.ensure_future(work)
    async with watched(receive, read) as gone:
        try:
            await asyncio.wait([task, gone], return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
    if task.cancelled():
        raise ClientDisconnected
    return task.result()


@asynccontextmanager
async def watched(receive: Receive, read: asyncio.Event | None = None) -> AsyncIterator["asyncio.Task[None]"]:
    """Return a task that ends when the client leaves; it looks for that from when the body is `read`."""

    async def watch() -> None:
        if read is not None:
            await read.wait()
        while (await receive())["type"] != "http.disconnect":
            pass

    task = asyncio.create_task(watch())
    try:
        yield task
    finally:
        task.cancel()


async def _send_json(send: Send, status: int, answer: Struct, *headers: Header) -> None:
    await send_response(send, status, [_JSON, *headers], msgspec.json.encode(answer))


async def _send_head(send: Send, headers: list[Header], size: int, span: tuple[int, int] | None) -> None:
    """Begin the answer with `size` bytes, or with a span of them."""
    start, stop = span or (0, size)
    if span is not None:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, size)))
    headers.append((b"content-length", b"%d" % (stop - start)))
    await send({"type": "http.response.start", "status": 200 if span is None else 206, "headers": headers})


async def _send_empty(send: Send, status: int, headers: list[Header]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
