"""A slot as the scheduler sees it, and what may happen to it: the transition table."""

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType

from service.errors import ServiceError
from service.scheduling.events import CallEnded, Kill, SlotLost, SlotReady, Start


class SlotState(Enum):
    """A slot as the scheduler sees it."""

    ABSENT = auto()
    IDLE = auto()
    BUSY = auto()
    DOOMED = auto()


# What may happen to a slot; anything else is a fault of whoever feeds the events.
TRANSITIONS: Mapping[tuple[SlotState, type], SlotState] = MappingProxyType(
    {
        (SlotState.ABSENT, SlotReady): SlotState.IDLE,
        (SlotState.IDLE, Start): SlotState.BUSY,
        (SlotState.IDLE, SlotLost): SlotState.ABSENT,
        (SlotState.BUSY, CallEnded): SlotState.IDLE,
        (SlotState.BUSY, Kill): SlotState.DOOMED,
        (SlotState.BUSY, SlotLost): SlotState.ABSENT,
        (SlotState.DOOMED, SlotLost): SlotState.ABSENT,
    }
)


class ImpossibleEvent(ServiceError):  # noqa: N818 - the event is, not the exception
    """An event that cannot happen in the state that the slot is in."""
