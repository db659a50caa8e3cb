"""How many requests may begin in one turn of the event loop; the others are deferred, in order.

A thousand clients that come at once would otherwise be one turn of a thousand requests, and for as long no
worker gets its next call and no probe its answer. So under overload the requests that were begun go first, and
what is only arriving waits where it costs least.
"""

import asyncio
from collections import deque
from collections.abc import Callable

# About a millisecond of the loop: so long a worker that has ended its call may wait for the next.
PER_TURN = 4


class StartDeferral:
    """Counts the requests that begin in a turn; belongs to the event loop's thread."""

    def __init__(self, per_turn: int = PER_TURN) -> None:
        self._per_turn = per_turn
        self._left = per_turn
        self._deferred: deque[Callable[[], None]] = deque()
        self._turn_ends = False

    def __repr__(self) -> str:
        """Show the counts."""
        return f"<StartDeferral {self._left} of {self._per_turn} left, {len(self._deferred)} deferred>"

    def start(self, begin: Callable[[], None]) -> bool:
        """Return whether to begin at once; if not, `begin` is called in a later turn."""
        if not self._turn_ends:
            self._turn_ends = True
            asyncio.get_running_loop().call_soon(self._end_turn)
        if self._left and not self._deferred:
            self._left -= 1
            return True
        self._deferred.append(begin)
        return False

    def _end_turn(self) -> None:
        beginning = [self._deferred.popleft() for _ in range(min(self._per_turn, len(self._deferred)))]
        self._left = self._per_turn - len(beginning)
        self._turn_ends = bool(beginning)
        if beginning:
            asyncio.get_running_loop().call_soon(self._end_turn)
        for begin in beginning:
            begin()
