"""How many requests may begin in one turn of the event loop; the others wait, in order.

A thousand clients that come at once would otherwise be one turn of a thousand requests, and for as long no
worker gets its next call and no probe its answer. So under overload what is in hand goes first, and what is
only coming in waits where it costs least.
"""

import asyncio
from collections import deque
from collections.abc import Callable

# About a millisecond of the loop: so long a worker that has ended its call may wait for the next.
PER_TURN = 4


class StartDeferral:
    """Counts the entries of a turn; belongs to the event loop's thread."""

    def __init__(self, per_turn: int = PER_TURN) -> None:
        self._per_turn = per_turn
        self._left = per_turn
        self._waiting: deque[Callable[[], None]] = deque()
        self._turning = False

    def __repr__(self) -> str:
        """Show the counts."""
        return f"<Turnstile {self._left} of {self._per_turn} left, {len(self._waiting)} waiting>"

    def enter(self, go: Callable[[], None]) -> bool:
        """Return whether to go on at once; if not, `go` is called in a later turn."""
        if not self._turning:
            self._turning = True
            asyncio.get_running_loop().call_soon(self._turn)
        if self._left and not self._waiting:
            self._left -= 1
            return True
        self._waiting.append(go)
        return False

    def _turn(self) -> None:
        going = [self._waiting.popleft() for _ in range(min(self._per_turn, len(self._waiting)))]
        self._left = self._per_turn - len(going)
        self._turning = bool(going)
        if going:
            asyncio.get_running_loop().call_soon(self._turn)
        for go in going:
            go()
