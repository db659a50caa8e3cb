"""What goes into the scheduler and what comes out of it: frozen values, no behaviour."""

from dataclasses import dataclass
from enum import StrEnum

from service.pool.exit_status import Reason


@dataclass(frozen=True, slots=True)
class Arrived:
    """A job was admitted; `Turned` must follow. cost: predicted seconds of one worker; size: bytes.

    deadline: on the same clock as everything.
    """

    number: int
    subject: str
    cost: float
    size: int
    deadline: float


@dataclass(frozen=True, slots=True)
class Left:
    """The client of a job went away."""

    number: int


@dataclass(frozen=True, slots=True)
class SlotReady:
    """A slot has a new worker."""

    slot: int


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call came back. postponed: jobs that have no answer yet; retired: the slot takes no more calls."""

    slot: int
    postponed: tuple[int, ...] = ()
    retired: bool = False


@dataclass(frozen=True, slots=True)
class SlotLost:
    """A slot's worker is dead. crashed: the call that it was in the middle of may have done it."""

    slot: int
    crashed: bool


@dataclass(frozen=True, slots=True)
class Turned:
    """Nobody else arrives in this turn of the event loop: what has arrived may start."""


@dataclass(frozen=True, slots=True)
class Woke:
    """The time that `wake_at` named has come."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The drain is over: nothing more is to be run."""


Event = Arrived | Turned | Left | SlotReady | CallEnded | SlotLost | Woke | Stopped


class End(StrEnum):
    """How a job was finished."""

    ANSWERED = "answered"
    EXPIRED = "expired"
    LEFT = "left"
    CRASHED = "crashed"
    LOST = "lost"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Start:
    """Run these jobs on this slot as one call."""

    slot: int
    jobs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill this slot's worker."""

    slot: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Finish:
    """Give this job its end."""

    number: int
    end: End


Instruction = Start | Kill | Finish
