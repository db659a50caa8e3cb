"""How many connections there may be, and which is closed when there are too many."""

from collections.abc import Iterator
from typing import Protocol

from service.observability.prometheus import gauge


class Evictable(Protocol):
    """A connection that can be closed to make room."""

    def evict(self) -> None:
        """Close, to make room."""


class OpenConnections:
    """Counts the connections; over the limit the one that has been idle longest is evicted.

    So clients that open connections and send nothing cannot keep probes and other clients out. Where none is
    idle the newest is evicted. Every operation is O(1).
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: set[Evictable] = set()
        # In the order in which they became idle.
        self._idle: dict[Evictable, None] = {}

    def __repr__(self) -> str:
        """Show the counts."""
        return f"<OpenConnections {len(self._open)} of {self._limit}, {len(self._idle)} idle>"

    def families(self) -> Iterator[str]:
        """Write the metrics of them."""
        yield gauge("scorepool_connections", "Open connections, idle ones included.", {"": len(self._open)})
        about = "The most connections that there may be; beyond it the one idle longest is closed."
        yield gauge("scorepool_connections_limit", about, {"": self._limit})

    def add(self, connection: Evictable) -> None:
        """Take a new connection in, idle as it is, and evict another one over the limit."""
        self._open.add(connection)
        self._idle[connection] = None
        if len(self._open) > self._limit:
            longest_idle = next(iter(self._idle))
            self.remove(longest_idle)
            longest_idle.evict()

    def remove(self, connection: Evictable) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self._idle.pop(connection, None)

    def mark_busy(self, connection: Evictable) -> None:
        """Note that a connection has brought a request."""
        self._idle.pop(connection, None)

    def mark_idle(self, connection: Evictable) -> None:
        """Note that a connection waits for its next request."""
        if connection in self._open:
            self._idle[connection] = None
