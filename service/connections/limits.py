"""What all connections of a server share: their limits, and who looks at what comes in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from service.connections.deferral import StartDeferral
from service.connections.eviction import OpenConnections
from service.connections.http1 import Head
from service.http.responses import Header
from service.observability.request_record import RequestObserver

# Returns the whole answer to a head that need not come in: see `service.connections.load_shedding`.
Shed = Callable[[Head, Iterable[Header]], bytes | None]


def shed_nothing(head: Head, default_headers: Iterable[Header]) -> None:
    """Turn nobody away."""


@dataclass(frozen=True, slots=True)
class ConnectionContext:
    """What all connections of a server share: the times they are given, their number, and who counts.

    Seconds: head_s from the first byte of a head to its last, body_s for a whole body, idle_s between
    requests, write_s for the network to take a piece of an answer.
    """

    turnstile: StartDeferral = field(default_factory=StartDeferral, kw_only=True)
    shed: Shed = field(default=shed_nothing, kw_only=True)

    head_s: float
    body_s: float
    idle_s: float
    write_s: float
    crowd: OpenConnections
    observer: RequestObserver
