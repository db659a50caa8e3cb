"""The one way into the pool."""

from dataclasses import dataclass
from types import TracebackType

from service.answer import Outcome
from service.capacity import Capacity
from service.observer import Observer, Silent
from service.worker import HandlerFactory


@dataclass(frozen=True, slots=True)
class Request:
    """One request to score. `accept` is json or npy; `deadline` is on the event loop's clock."""

    request_id: str
    subject: str
    body: bytes
    accept: str
    deadline: float


@dataclass(frozen=True, slots=True)
class SlotSnapshot:
    """One slot at a moment; pid is None while there is no worker."""

    slot: int
    pid: int | None
    state: str
    calls: int
    restarts: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The pool at a moment: its slots, and the queue as jobs, predicted seconds of one worker, and subjects."""

    slots: tuple[SlotSnapshot, ...]
    jobs: int
    cost_s: float
    subjects: int


class Permit:
    """The right to bring one body and have it scored; a context manager, released once."""

    def __enter__(self) -> "Permit":
        """Hold the permit."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the permit."""


class Dispatcher:
    """Takes requests in, has them scored by the pool, and gives each exactly one outcome.

    Everything here belongs to the event loop's thread.
    """

    started: bool = False

    def __init__(
        self, handlers: HandlerFactory, capacity: Capacity, observer: Observer | None = None
    ) -> None:
        self._handlers = handlers
        self._capacity = capacity
        self._observer = observer or Silent()

    async def start(self) -> None:
        """Start the workers without waiting for them.

        Raises: StartError when the fork server cannot be started.
        """
        raise NotImplementedError

    @property
    def readiness(self) -> str | None:
        """Return None when requests are welcome, else `starting`, `draining` or `no_workers`."""
        raise NotImplementedError

    def admit(self, subject: str, content_length: int | None, deadline: float) -> Permit:
        """Decide, before the body is read, whether a request may come in.

        Raises: Refused (`overloaded`, `quota_exceeded`, `draining`, `starting`, `no_workers`).
        """
        raise NotImplementedError

    async def submit(self, permit: Permit, request: Request) -> Outcome:
        """Have a request scored. Cancelling the caller means that the client has left.

        Raises: Refused (as `admit`, and `poison_request`).
        """
        raise NotImplementedError

    def announce_drain(self) -> None:
        """Make readiness false; requests are still taken."""
        raise NotImplementedError

    async def drain(self, timeout_s: float) -> None:
        """Take no more requests, finish within `timeout_s` what can be, refuse the rest, and end the workers."""
        raise NotImplementedError

    def snapshot(self) -> Snapshot:
        """Describe the slots and the queue."""
        raise NotImplementedError
