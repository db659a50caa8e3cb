"""How many connections there may be, and which must go when there are too many."""

from typing import Protocol


class Evictable(Protocol):
    """A connection, as seen by the crowd."""

    def evict(self) -> None:
        """Close, to make room."""


class OpenConnections:
    """Counts the connections; over the limit the one that has been idle longest has to go.

    So nobody keeps probes and clients out by opening connections and saying nothing. Where none is idle the
    newest goes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._members: set[Evictable] = set()
        # In the order in which they became idle.
        self._idle: dict[Evictable, None] = {}

    def __repr__(self) -> str:
        """Show the counts."""
        return f"<Crowd {len(self._members)} of {self._limit}, {len(self._idle)} idle>"

    def enter(self, member: Evictable) -> None:
        """Let a new connection in, idle as it is, and perhaps another one out."""
        self._members.add(member)
        self._idle[member] = None
        if len(self._members) > self._limit:
            oldest = next(iter(self._idle))
            self.leave(oldest)
            oldest.evict()

    def leave(self, member: Evictable) -> None:
        """Forget a connection."""
        self._members.discard(member)
        self._idle.pop(member, None)

    def engage(self, member: Evictable) -> None:
        """Note that a connection has brought a request."""
        self._idle.pop(member, None)

    def release(self, member: Evictable) -> None:
        """Note that a connection is idle again."""
        if member in self._members:
            self._idle[member] = None
