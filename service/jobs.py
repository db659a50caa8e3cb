"""A request on its way through the dispatcher, and the ends that are not an answer."""

import asyncio
from dataclasses import dataclass

from service.api.outcome import NO_FACTS, Facts, Outcome
from service.api.problems import partial
from service.scheduling.cost import Features
from service.scheduling.events import End

# What a client is told where the worker said nothing: the code, and one sentence.
ENDS = {
    End.EXPIRED: ("deadline_exceeded", "the answer was not ready in time; send fewer or shorter documents"),
    End.DISCONNECTED: ("client_closed", "the client left"),
    End.CRASHED: ("worker_crashed", "this body ended two workers; it will be refused for a while"),
    End.LOST: ("worker_crashed", "the workers that ran it were killed, time and again; try again later"),
    End.STOPPED: ("draining", "the server is shutting down; try another"),
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request to score. `accept` is json or npy; `deadline` is on `time.monotonic`."""

    request_id: str
    subject: str
    body: bytes
    accept: str
    deadline: float


@dataclass(slots=True)
class Ticket:
    """A submitted request until its end; times on `time.monotonic`."""

    request: Request
    features: Features
    future: "asyncio.Future[Outcome]"
    arrived: float
    started: float = 0.0
    slot: int | None = None
    attempts: int = 0

    def start(self, slot: int, now: float) -> None:
        """Note that a call with this request begins."""
        self.started = self.started or now
        self.slot = slot
        self.attempts += 1

    def outcome(self, code: str, body: bytes, facts: Facts, now: float) -> Outcome:
        """Return the end of this request."""
        started = self.started or now
        return Outcome(
            code,
            body,
            facts,
            slot=self.slot,
            queue_ms=(started - self.arrived) * 1e3,
            run_ms=(now - started) * 1e3,
            attempts=self.attempts,
        )

    def ended(self, code: str, detail: str, now: float) -> Outcome:
        """Return an end that the server itself decided on."""
        return self.outcome(code, partial(detail), NO_FACTS, now)
