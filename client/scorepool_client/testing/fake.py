"""The fake service: it records requests, injects faults, and answers by `answers.answer`."""

import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Literal

import httpx

from scorepool_client.async_client import AsyncClient
from scorepool_client.calls import ClientSettings
from scorepool_client.client import Client
from scorepool_client.exchange import Reply
from scorepool_client.testing.answers import PROBLEMS, FakeLimits, RecordedRequest, answer, problem
from scorepool_client.testing.jobs import FakeJobs
from scorepool_client.testing.server import Cut, serving
from scorepool_client.tokens import TokenGiver

URL = "http://scorepool.fake"


class FakeClock:
    """A clock that stands still, except that every wait passes at once and is added to it."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def monotonic(self) -> float:
        """Return the seconds."""
        return self.now

    unix = monotonic

    def sleep(self, seconds: float) -> None:
        """Let so much time pass, without waiting."""
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        """Let so much time pass, without waiting."""
        self.now += seconds


@dataclass(frozen=True, slots=True)
class _Fault:
    kind: Literal["fail", "refuse", "lose", "delay", "cut"]
    code: str = ""
    seconds: float = 0.0
    retry_after_s: int | None = None
    times: int | None = 1
    after: int = 0


class FakeScorepool:
    """A service that scores by shared words and fails when it is told to.

    token: the only one that is accepted; None: every one is, but there must be one. limits: of a request.
    job_steps: how often a job is looked at before it has ended.
    requests: those that came to `/score` and `/jobs`, in order, with those that met a fault. clock: of its clients.

    Faults apply to these requests, one after the other in the order in which they were told.
    """

    def __init__(
        self, *, token: str | None = None, limits: FakeLimits | None = None, job_steps: int = 3
    ) -> None:
        self.requests: list[RecordedRequest] = []
        self.clock = FakeClock()
        self._token = token
        self._limits = limits or FakeLimits()
        self._jobs = FakeJobs(job_steps)
        self._faults: deque[_Fault] = deque()
        self._lock = threading.Lock()

    def fail(
        self, code: str = "overloaded", *, times: int | None = 1, retry_after_s: int | None = None
    ) -> None:
        """Answer the next requests with the problem of this code; times: None until `heal`.

        retry_after_s: of a 429 or 503, 1 where it is not given.

        Raises: ValueError for a code that the service does not have.
        """
        if code not in PROBLEMS:
            raise ValueError(f"code: {code!r} is none of {', '.join(PROBLEMS)}")
        if retry_after_s is None and PROBLEMS[code][0] in {429, 503}:
            retry_after_s = 1
        self._faults.append(_Fault("fail", code=code, retry_after_s=retry_after_s, times=times))

    def refuse_connections(self, *, times: int | None = 1) -> None:
        """Refuse the connections of the next requests, as while the service restarts."""
        self._faults.append(_Fault("refuse", times=times))

    def lose_connections(self, *, times: int | None = 1) -> None:
        """End the connections of the next requests before they are answered, as when the service is killed."""
        self._faults.append(_Fault("lose", times=times))

    def delay(self, seconds: float, *, times: int | None = 1) -> None:
        """Answer the next requests late; 504 where that is after their deadline. It takes no real time."""
        self._faults.append(_Fault("delay", seconds=seconds, times=times))

    def cut_answers(self, after: int, *, times: int | None = 1) -> None:
        """End the connections of the next requests after so many bytes of the answer's body."""
        self._faults.append(_Fault("cut", after=after, times=times))

    def fail_job(self, reason: str) -> None:
        """Have the next job that is submitted fail, for this reason."""
        self._jobs.faults.append(reason)

    def heal(self) -> None:
        """Forget the faults that are left."""
        self._faults.clear()
        self._jobs.faults.clear()

    def client(self, token: TokenGiver = "any", *, settings: ClientSettings | None = None) -> Client:
        """Return a client of this fake; it waits on the fake's clock, and its jitter is the same each time."""
        return Client(URL, token, settings=self._settings(settings), transport=self.transport())

    def async_client(
        self, token: TokenGiver = "any", *, settings: ClientSettings | None = None
    ) -> AsyncClient:
        """Return a client of this fake for asyncio."""
        return AsyncClient(URL, token, settings=self._settings(settings), transport=self.async_transport())

    def transport(self) -> httpx.BaseTransport:
        """Return what brings the requests of any `httpx.Client` here."""
        return _Transport(self)

    def async_transport(self) -> httpx.AsyncBaseTransport:
        """Return what brings the requests of any `httpx.AsyncClient` here."""
        return _AsyncTransport(self)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Answer over a socket of this machine, too, for programs in other processes; yield the address.

        There a delay takes its time, and a connection is not refused but ended without an answer.
        """
        with serving(partial(self.handle, sleep=time.sleep)) as url:
            yield url

    def handle(self, request: RecordedRequest, sleep: Callable[[float], None] | None = None) -> Reply:
        """Return the answer to one request, after waiting by `sleep`, where a fault delays it.

        Raises: ConnectionRefusedError, ConnectionResetError, as faults.
        """
        with self._lock:
            fault = self._next_fault(request)
        if fault is not None and fault.kind == "refuse":
            raise ConnectionRefusedError("refused by the fake")
        if fault is not None and fault.kind == "lose":
            raise ConnectionResetError("ended by the fake")
        if fault is not None and fault.kind == "fail":
            detail = "as the fake was told"
            return problem(fault.code, detail, request.request_id, retry_after_s=fault.retry_after_s)
        if fault is not None and fault.kind == "delay":
            limit = int(request.headers.get("x-request-timeout-ms", 30_000)) / 1e3
            (sleep or self.clock.sleep)(min(fault.seconds, limit))
            if fault.seconds >= limit:
                return problem("deadline_exceeded", "the answer was not ready in time", request.request_id)
        with self._lock:
            reply = self._answer(request)
        return reply if fault is None or fault.kind != "cut" else reply._replace(stream=Cut(fault.after))

    def _answer(self, request: RecordedRequest) -> Reply:
        if _is_of_jobs(request):
            return self._jobs.answer(request, self._token)
        return answer(request, self._limits, self._token)

    def _next_fault(self, request: RecordedRequest) -> _Fault | None:
        if request.path != "/score" and not _is_of_jobs(request):
            return None
        self.requests.append(request)
        if not self._faults:
            return None
        fault = self._faults.popleft()
        if fault.times is None or fault.times > 1:
            left = fault.times and fault.times - 1
            self._faults.appendleft(replace(fault, times=left))
        return fault

    def _settings(self, settings: ClientSettings | None) -> ClientSettings:
        return replace(settings or ClientSettings(), clock=self.clock, rng=Random(0))


def _is_of_jobs(request: RecordedRequest) -> bool:
    return request.path == "/jobs" or request.path.startswith("/jobs/")


class _Transport(httpx.BaseTransport):
    def __init__(self, fake: FakeScorepool) -> None:
        self._fake = fake

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return _respond(self._fake, request, request.read())


class _AsyncTransport(httpx.AsyncBaseTransport):
    def __init__(self, fake: FakeScorepool) -> None:
        self._fake = fake

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return _respond(self._fake, request, await request.aread())


def _respond(fake: FakeScorepool, request: httpx.Request, body: bytes) -> httpx.Response:
    headers = {name.lower(): value for name, value in request.headers.items()}
    query = dict(request.url.params)
    try:
        reply = fake.handle(RecordedRequest(request.method, request.url.path, headers, body, query))
    except ConnectionRefusedError as error:
        raise httpx.ConnectError(str(error), request=request) from error
    except ConnectionResetError as error:
        raise httpx.ReadError(str(error), request=request) from error
    response_headers = {**reply.headers, "content-length": str(len(reply.body))}
    return httpx.Response(reply.status, headers=response_headers, stream=_Body(reply), request=request)


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The bytes of an answer, and how they end."""

    def __init__(self, reply: Reply) -> None:
        self._body = reply.body
        self._cut: Cut | None = reply.stream

    def __iter__(self) -> Iterator[bytes]:
        if self._cut is None:
            yield self._body
            return
        yield self._body[: self._cut.after]
        raise httpx.ReadError("ended by the fake")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk
