"""What is kept up for as long as a job takes: following its state, reading its result.

A job outlives connections and restarts of the service. So both go on where they stopped, after a connection that was
lost, and while the service is away for up to `PATIENCE_S`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from scorepool_client.calls import Calls
from scorepool_client.errors import (
    AuthenticationError,
    ConnectionLostError,
    InvalidAnswerError,
    InvalidRequestError,
    Problem,
    ScorepoolError,
)
from scorepool_client.events import EventParser, EventTooLong
from scorepool_client.exchange import Emit, Loss, Read, Reply, Sleep, Steps
from scorepool_client.jobs import Job, read_job
from scorepool_client.results import invalid_answer

# How long a service may be away: a restart with another model takes a minute.
PATIENCE_S = 300.0

# After so many streams of events in a row that said nothing, states are polled: some proxy keeps the stream back.
MAX_SILENT_STREAMS = 3

POLL_S = 2.0

# Between two attempts, besides the backoff, which may be 0.
LEAST_PAUSE_S = 0.1


class Patience:
    """How long the service has said nothing, and how long to wait before it is asked again."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._heard_at = calls.clock.monotonic()
        self._failures = 0

    def hear(self) -> None:
        """Note that it said something."""
        self._heard_at = self._calls.clock.monotonic()
        self._failures = 0

    def wait_after(self, error: ScorepoolError) -> Steps[None]:
        """Wait before the next attempt. Raises: `error` when there must not be one."""
        if isinstance(error, InvalidRequestError | AuthenticationError | InvalidAnswerError):
            raise error
        if self._calls.clock.monotonic() - self._heard_at > PATIENCE_S:
            raise error
        yield from self.pause(error.retry_after_s or 0.0)

    def pause(self, least_s: float = 0.0) -> Steps[None]:
        """Wait, longer from one time to the next."""
        self._failures += 1
        yield Sleep(max(least_s, LEAST_PAUSE_S) + self._calls.backoff(self._failures))


class Followed(Protocol):
    """What `keep_up` goes on with."""

    ended: bool
    patience: Patience

    def go_on(self) -> Steps[None]:
        """Go on from where it stopped, and emit what is new."""


def keep_up(followed: Followed) -> Steps[None]:
    """Go on until it has ended. Raises: ScorepoolError, when that makes no sense any more."""
    while not followed.ended:
        try:
            yield from followed.go_on()
        except ScorepoolError as error:  # noqa: PERF203 - each turn takes seconds
            yield from followed.patience.wait_after(error)


class Watching:
    """Follows a job by its events, and by asking for its state where those do not come."""

    def __init__(
        self, open_events: Callable[[], Steps[Reply]], get: Callable[[], Steps[Job]], patience: Patience
    ) -> None:
        self.ended = False
        self.patience = patience
        self._open_events = open_events
        self._get = get
        self._last: Job | None = None
        self._silent_streams = 0

    def go_on(self) -> Steps[None]:
        """Read one stream of events to its end, then ask for the state."""
        if self._silent_streams < MAX_SILENT_STREAMS:
            yield from self._read_events()
            if self.ended:
                return
            yield from self.patience.pause()
        else:
            yield Sleep(POLL_S)
        job = yield from self._get()
        yield from self._tell(job)

    def _read_events(self) -> Steps[None]:
        self._silent_streams += 1
        try:
            reply = yield from self._open_events()
        except InvalidRequestError:
            return  # asking for the state says why
        parser = EventParser()
        while not self.ended:
            chunk = yield Read(reply.stream)
            if isinstance(chunk, Loss) or not chunk:
                return
            try:
                events = parser.feed(chunk)
            except EventTooLong:
                return
            for event in events:
                self._silent_streams = 0
                yield from self._tell(read_job(event.data))

    def _tell(self, job: Job) -> Steps[None]:
        self.patience.hear()
        if self.ended or job == self._last:
            return
        self._last = job
        self.ended = job.is_final
        yield Emit(job)


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a result. total: of all of it, None where the service does not say."""

    data: bytes = field(repr=False)
    total: int | None


class Reading:
    """Reads a result, each byte once."""

    def __init__(self, open_result: Callable[[Mapping[str, str]], Steps[Reply]], patience: Patience) -> None:
        self.ended = False
        self.patience = patience
        self._open_result = open_result
        self._read = 0
        self._total: int | None = None
        self._etag: str | None = None

    def go_on(self) -> Steps[None]:
        """Read from where it stopped until the end, or until the connection is lost."""
        reply = yield from self._open_result(self._range())
        if self._read and reply.status != 206:
            raise invalid_answer("the result has changed since its beginning was read; read it again")
        if not self._read:
            length = reply.headers.get("content-length")
            self._total = int(length) if length is not None else None
            self._etag = reply.headers.get("etag")
        while True:
            chunk = yield Read(reply.stream)
            if isinstance(chunk, Loss):
                raise self._lost(chunk.detail)
            if not chunk:
                break
            self.patience.hear()
            self._read += len(chunk)
            yield Emit(Piece(chunk, self._total))
        if self._total is not None and self._read < self._total:
            raise self._lost("the answer ended too early")
        self.ended = True

    def _range(self) -> Mapping[str, str]:
        # A proxy must not compress it: the bytes would not be those that a range counts.
        headers = {"Accept-Encoding": "identity"}
        if not self._read:
            return headers
        if self._etag is None:
            raise invalid_answer("the connection was lost, and without an ETag the rest cannot be asked for")
        return {**headers, "Range": f"bytes={self._read}-", "If-Range": self._etag}

    def _lost(self, detail: str) -> ConnectionLostError:
        return ConnectionLostError(Problem("connection_lost", "The connection was lost", detail))
