"""What goes into the scheduler and what comes out of it, and which events a slot can have in which state.

Frozen values, no behaviour.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from types import MappingProxyType

from service.api.outcome import Outcome
from service.errors import ServiceError
from service.scheduling.job import Job


class RestartReason(StrEnum):
    """Why a slot needed a new worker. The service itself kills for deadline, cancelled, recycle, reload and drain."""

    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    CRASH = "crash"
    MEMORY = "memory"
    TIMER = "timer"
    RECYCLE = "recycle"
    RELOAD = "reload"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True)
class JobArrived:
    """A job was admitted; `TurnEnded` must follow."""

    job: Job


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The client of a job disconnected."""

    job: Job


@dataclass(frozen=True, slots=True)
class SlotReady:
    """A slot has a new worker."""

    slot: int


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call came back.

    outcomes: one for each job of the call, in its order; None where there was no room for the answer, and the
    job has to run again. retired: the slot takes no more calls until it is ready again.
    """

    slot: int
    outcomes: tuple[Outcome | None, ...] = ()
    retired: bool = False


@dataclass(frozen=True, slots=True)
class SlotLost:
    """A slot's worker is dead. crashed: the call that it was running may have caused it."""

    slot: int
    crashed: bool


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """No other job arrives in this turn of the event loop: what has arrived may start."""


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The time that `wake_at` named has come."""


@dataclass(frozen=True, slots=True)
class WorkersWithdrawn:
    """No worker may serve until slots are ready again: nothing that was admitted can be run."""


@dataclass(frozen=True, slots=True)
class DrainEnded:
    """The drain is over: nothing more is to be run."""


Event = (
    JobArrived
    | TurnEnded
    | Disconnected
    | SlotReady
    | CallEnded
    | SlotLost
    | TimerFired
    | WorkersWithdrawn
    | DrainEnded
)


class End(StrEnum):
    """How a job was finished.

    answered: the worker answered. expired: its deadline passed. disconnected: its client is gone. crashed: it
    ended two workers. lost: its workers were killed `MAX_LOSSES` times. withdrawn: no worker may serve. stopped: the
    server is shutting down.
    """

    ANSWERED = "answered"
    EXPIRED = "expired"
    DISCONNECTED = "disconnected"
    CRASHED = "crashed"
    LOST = "lost"
    WITHDRAWN = "withdrawn"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Start:
    """Run these jobs on this slot as one call."""

    slot: int
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill this slot's worker."""

    slot: int
    reason: RestartReason


@dataclass(frozen=True, slots=True)
class Finish:
    """Give this job its end; `outcome` is the worker's, for `End.ANSWERED` alone."""

    job: Job
    end: End
    outcome: Outcome | None = None


Instruction = Start | Kill | Finish


class Availability(Enum):
    """A slot as the scheduler sees it: without a worker, waiting for a call, in one, or being killed."""

    ABSENT = auto()
    IDLE = auto()
    BUSY = auto()
    KILLING = auto()


# What can happen to a slot; any other event is a fault of the sender.
TRANSITIONS: Mapping[tuple[Availability, type], Availability] = MappingProxyType(
    {
        (Availability.ABSENT, SlotReady): Availability.IDLE,
        (Availability.IDLE, Start): Availability.BUSY,
        (Availability.IDLE, SlotLost): Availability.ABSENT,
        (Availability.BUSY, CallEnded): Availability.IDLE,
        (Availability.BUSY, Kill): Availability.KILLING,
        (Availability.BUSY, SlotLost): Availability.ABSENT,
        (Availability.KILLING, SlotLost): Availability.ABSENT,
    }
)


class ImpossibleEvent(ServiceError):  # noqa: N818 - the event is, not the exception
    """An event that cannot happen in the state that the slot is in."""
