"""A request, or a step of a durable job, on its way through the scheduler: what it asks for, what became of it."""

from dataclasses import dataclass

from service.api.request import Operation
from service.scheduling.features import Features

# Until the dispatcher has looked at the body.
_UNKNOWN = Features(0, 1, "neighbours")


@dataclass(slots=True, eq=False)
class Job:
    """One submitted request. Times are seconds on `time.monotonic`; two jobs are never equal.

    What the endpoint states: request_id; subject of the token; operation; body as received; deadline; step, whether
    it is one of a durable job, see `background`, whose deadline is noted when it is started.
    What the dispatcher predicts: features of the body, and cost in seconds of one worker; of a scorer whose calls
    cost something whatever is in them, overhead, the seconds of that, and shared, its share of them in the cost.
    What the scheduler notes, and nothing else changes: arrived, started (0: never), slot where it ran last,
    attempts (calls begun with it), losses (of those, calls lost with their worker), crashes (losses that it
    may be to blame for), alone (it shares no call), queued, ended.
    """

    request_id: str
    subject: str
    body: bytes
    operation: Operation
    deadline: float
    features: Features = _UNKNOWN
    cost: float = 0.0
    overhead: float = 0.0
    shared: float = 0.0
    arrived: float = 0.0
    started: float = 0.0
    slot: int | None = None
    attempts: int = 0
    losses: int = 0
    crashes: int = 0
    alone: bool = False
    queued: bool = False
    ended: bool = False
    step: bool = False

    @property
    def size(self) -> int:
        """The bytes of the body."""
        return len(self.body)

    @property
    def marginal(self) -> float:
        """The seconds that it adds to a call with others."""
        return self.cost - self.shared

    def queue_ms(self, now: float) -> float:
        """Return the milliseconds until its first call began, or until `now` without one."""
        return ((self.started or now) - self.arrived) * 1e3

    def run_ms(self, now: float) -> float:
        """Return the milliseconds from its first call to `now`, 0 without one."""
        return (now - (self.started or now)) * 1e3
