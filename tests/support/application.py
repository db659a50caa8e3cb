"""The application over a fake pool, and requests to it without a network."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import jwt

from service.api.outcome import Facts, Outcome
from service.api.response import ModelInfo, Reloaded
from service.api.scorer import Served
from service.app import create_app
from service.configuration import load
from service.errors import Refused
from service.limits import PoolLimits
from service.observability.request_record import RequestRecord
from service.observability.status import SlotSnapshot, Snapshot
from service.scheduling.admission import Admission, Permit
from service.scheduling.job import Job
from service.scorers.declaration import declare
from service.scorers.description import describe
from service.scorers.reference import DOCUMENTS
from service.settings import Settings
from tests.support.asgi import Headers, Reply, call_app, http_scope, receive_of
from tests.support.tokens import SECRET

SCORED = Outcome(
    "ok",
    b'{"documents": []}',
    Facts(stages=(("decode", 0.5), ("encode", 0.25))),
    0,
    queue_ms=1.5,
    run_ms=2,
    attempts=1,
)

RELOADED = Reloaded("reloaded", f"sha256:{'1' * 64}", f"sha256:{'0' * 64}", 0.25)

MODEL = ModelInfo(
    "example", f"sha256:{'0' * 64}", dimensions=3, clusters=2, pooling="mean", tokenizer="letters"
)

SERVED = Served(describe(declare(DOCUMENTS)), MODEL)


class FakeBackend:
    """A pool that gives every job the same outcome.

    refusal: refuses every request while it is set; held: jobs wait until it is set, unless it is None; requests:
    the jobs submitted; cancelled: how many of them were cancelled.
    """

    started = True
    readiness: str | None = None
    damage: str | None = None
    digest = ""
    start_refused: Callable[[str], None] | None = None

    def __init__(self, outcome: Outcome | Exception = SCORED) -> None:
        self.outcome = outcome
        self.refusal: Refused | None = None
        self.admission = Admission(PoolLimits(), Random(0), lambda: None)
        self.requests: list[Job] = []
        self.held: asyncio.Event | None = None
        self.cancelled = 0

    async def start(self) -> None:
        """Do nothing: it has started."""

    def announce_drain(self) -> None:
        """Set the readiness to `draining`."""
        self.readiness = "draining"

    async def drain(self, timeout_s: float) -> None:
        """Do nothing: no job is left."""

    def snapshot(self) -> Snapshot:
        """Return one idle slot."""
        return Snapshot((SlotSnapshot(0, 1, "ready", 0, 0, 0),), 0, 0.0, 0)

    def admit(self, subject: str, content_length: int | None, deadline: float) -> Permit:
        """Return a permit; raise `refusal` if it is set."""
        if self.refusal is not None:
            raise self.refusal
        return self.admission.admit(subject, content_length)

    @property
    def congested(self) -> bool:
        """Return whether requests are refused."""
        return self.refusal is not None

    def overload_refusal(self, subject: str, size: int, time_left: float) -> Refused | None:
        """Return the refusal that `admit` raises."""
        return self.refusal

    async def submit(self, permit: Permit, job: Job) -> Outcome:
        """Record the job and return the outcome, or raise it if it is an exception."""
        self.requests.append(job)
        try:
            if self.held is not None:
                await self.held.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return replace(self.outcome)


class FakeModel:
    """What is served, and the end of every reload: `end`, or the exception that is raised."""

    def __init__(self, end: Reloaded | Exception = RELOADED, info: Served = SERVED) -> None:
        self.info = info
        self.end = end

    async def reload(self) -> Reloaded:
        """Return `end`, or raise it if it is an exception."""
        if isinstance(self.end, Exception):
            raise self.end
        return self.end

    def stop(self) -> None:
        """Do nothing: no reload runs."""


class RequestRecorder:
    """An observer of requests that keeps their records: `begun` and `over`."""

    def __init__(self) -> None:
        self.begun: list[RequestRecord] = []
        self.over: list[RequestRecord] = []
        self.registered: list[Callable[[], Iterator[str]]] = []

    def register(self, families: Callable[[], Iterator[str]]) -> None:
        """Keep what writes further metrics."""
        self.registered.append(families)

    def began(self, record: RequestRecord) -> None:
        """Keep the record of a request that began."""
        self.begun.append(record)

    def ended(self, record: RequestRecord) -> None:
        """Keep the record of a request that ended."""
        self.over.append(record)

    def metrics(self, snapshot: Snapshot) -> bytes:
        """Return a body that shows the number of slots."""
        return b"slots %d\n" % len(snapshot.slots)

    def status(self, snapshot: Snapshot) -> bytes:
        """Return a body that shows the number of slots."""
        return b'{"slots": %d}' % len(snapshot.slots)


def settings_with(path: Path, **options: object) -> Settings:
    """Return settings with these options, the tests' secret and a folder below `path` instead of a bundle."""
    bundle = path / "bundle"
    bundle.mkdir(exist_ok=True)
    return load({"bundle": bundle, "jwt_secret": SECRET, **options}, {})


def token(*, secret: str = SECRET, **claims: object) -> str:
    """Sign a token that is valid for an hour, except for the `claims` that are replaced (None: left out)."""
    every = {"sub": "ann", "aud": "scorepool", "exp": time.time() + 3600, **claims}
    return jwt.encode({name: value for name, value in every.items() if value is not None}, secret)


class Service:
    """The application over a fake pool, and requests to it."""

    def __init__(
        self,
        path: Path,
        backend: FakeBackend | None = None,
        served: Served = SERVED,
        **options: object,
    ) -> None:
        self.settings = settings_with(path, **options)
        self.backend = backend or FakeBackend()
        self.recorder = RequestRecorder()
        self.model = FakeModel(info=served)
        self.app = create_app(self.settings, self.model, self.backend, self.recorder)

    def request(self, method: str, path: str, headers: Headers = (), body: bytes = b"") -> Reply:
        """Send a request with exactly these headers."""
        reply = asyncio.run(call_app(self.app, http_scope(method, path, headers), receive_of(body)))
        assert reply is not None
        return reply

    def score(self, *, body: bytes = b"{}", **changes: str | None) -> Reply:
        """Send a valid request to /score, except for the headers that are replaced (None: left out)."""
        return self.request("POST", "/score", score_headers(len(body), **changes), body)


def score_headers(length: int, **changes: str | None) -> dict[str, str]:
    """Return the headers of a valid request with `changes`: an underscore in a name is a hyphen, None: left out."""
    headers: dict[str, str | None] = {
        "authorization": f"Bearer {token()}",
        "content-type": "application/json",
        "content-length": str(length),
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    return {name: value for name, value in headers.items() if value is not None}
