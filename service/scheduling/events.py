"""What goes into the scheduler and what comes out of it: frozen values, no behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from types import MappingProxyType

from service.errors import ServiceError


class RestartReason(StrEnum):
    """Why a slot needed a new worker; the first two and the last two only ever by our own hand."""

    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    CRASH = "crash"
    MEMORY = "memory"
    TIMER = "timer"
    RECYCLE = "recycle"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True)
class JobArrived:
    """A job was admitted; `TurnEnded` must follow. cost: predicted seconds of one worker; size: bytes.

    deadline: on the same clock as everything.
    """

    number: int
    subject: str
    cost: float
    size: int
    deadline: float


@dataclass(frozen=True, slots=True)
class Disconnected:
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
class TurnEnded:
    """Nobody else arrives in this turn of the event loop: what has arrived may start."""


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The time that `wake_at` named has come."""


@dataclass(frozen=True, slots=True)
class DrainEnded:
    """The drain is over: nothing more is to be run."""


Event = JobArrived | TurnEnded | Disconnected | SlotReady | CallEnded | SlotLost | TimerFired | DrainEnded


class End(StrEnum):
    """How a job was finished."""

    ANSWERED = "answered"
    EXPIRED = "expired"
    DISCONNECTED = "left"
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
    reason: RestartReason


@dataclass(frozen=True, slots=True)
class Finish:
    """Give this job its end."""

    number: int
    end: End


Instruction = Start | Kill | Finish


class SlotState(Enum):
    """A slot as the scheduler sees it."""

    ABSENT = auto()
    IDLE = auto()
    BUSY = auto()
    KILLING = auto()


# What may happen to a slot; anything else is a fault of whoever feeds the events.
TRANSITIONS: Mapping[tuple[SlotState, type], SlotState] = MappingProxyType(
    {
        (SlotState.ABSENT, SlotReady): SlotState.IDLE,
        (SlotState.IDLE, Start): SlotState.BUSY,
        (SlotState.IDLE, SlotLost): SlotState.ABSENT,
        (SlotState.BUSY, CallEnded): SlotState.IDLE,
        (SlotState.BUSY, Kill): SlotState.KILLING,
        (SlotState.BUSY, SlotLost): SlotState.ABSENT,
        (SlotState.KILLING, SlotLost): SlotState.ABSENT,
    }
)


class ImpossibleEvent(ServiceError):  # noqa: N818 - the event is, not the exception
    """An event that cannot happen in the state that the slot is in."""
