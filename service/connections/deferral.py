"""How many requests may begin in one turn of the event loop; the others are deferred.

A thousand clients that come at once would otherwise be one turn of a thousand requests, and for as long no
worker gets its next call and no probe its answer. So under overload the requests that were begun go first, and
what is only arriving waits where it costs least.

Those that wait begin in the order of their arrival. Where more arrive than can even be refused that would make all of
them late, each by as much as the clients' patience or connections allow. So while many wait the newest begins first,
and every fourth time the oldest: most are answered at once, and none waits for ever. (Adaptive LIFO: Maurer 2015,
"Fail at scale", ACM Queue 13 (8).) `python -m bench overload` shows it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

# About a millisecond of the loop: so long a worker that has ended its call may wait for the next.
PER_TURN = 4

# So many begin within some ten milliseconds; more are more than can begin.
MANY = 64

# Every so often the oldest goes first. Less often, and it would wait longer; more often, and more would be late.
OLDEST_EVERY = 4

T = TypeVar("T")


class WaitingStarts(Generic[T]):
    """What waits to begin; pure, so that a simulation can have the same order."""

    def __init__(self) -> None:
        self._waiting: deque[T] = deque()
        self._taken = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def add(self, start: T) -> None:
        """Let the newest wait."""
        self._waiting.append(start)

    def take(self) -> T:
        """Take the one that is to begin next; there must be one."""
        self._taken += 1
        if len(self._waiting) > MANY and self._taken % OLDEST_EVERY:
            return self._waiting.pop()
        return self._waiting.popleft()


class StartDeferral:
    """Counts the requests that begin in a turn; belongs to the event loop's thread."""

    def __init__(self, per_turn: int = PER_TURN) -> None:
        self._per_turn = per_turn
        self._left = per_turn
        self._deferred: WaitingStarts[Callable[[], None]] = WaitingStarts()
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
        self._deferred.add(begin)
        return False

    def _end_turn(self) -> None:
        beginning = [self._deferred.take() for _ in range(min(self._per_turn, len(self._deferred)))]
        self._left = self._per_turn - len(beginning)
        self._turn_ends = bool(beginning)
        if beginning:
            asyncio.get_running_loop().call_soon(self._end_turn)
        for begin in beginning:
            begin()
