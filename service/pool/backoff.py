"""When a slot whose workers keep dying may start the next one."""

from collections import deque
from random import Random

# More deaths than this within the window, without one answer between them, are no accident: a broken bundle
# or a machine without memory. Fewer are repaired at once.
FREE_DEATHS = 5
WINDOW_S = 60.0

# The pause doubles with each further death. The ceiling keeps a repaired machine from waiting long for
# service.
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0


class Backoff:
    """The deaths of one slot's workers since one of them last answered."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._deaths: deque[float] = deque()

    def answered(self) -> None:
        """Forget the deaths: the slot works."""
        self._deaths.clear()

    def died(self, now: float) -> float:
        """Note a death and return the seconds to wait, up to half more or less for jitter."""
        self._deaths.append(now)
        while self._deaths[0] <= now - WINDOW_S:
            self._deaths.popleft()
        excess = len(self._deaths) - FREE_DEATHS
        if excess <= 0:
            return 0.0
        # The exponent is capped because a float would overflow; the pause is at its ceiling long before.
        pause: float = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(excess - 1, 32))
        return pause * self._random.uniform(0.5, 1.5)
