"""How the processors of one replica are shared by its event loop and its busy workers.

The kernel's fair scheduling as a fluid: while fewer processes want to run than there are processors, each has one; else
they share by weight, and the event loop, whose priority is higher, weighs more than a worker.

    a worker's speed = its share of a processor / (slowdown where all processors are busy, 1 where one is)

Weakness: the kernel moves processes between processors only now and then, so that shares are right over some ten
milliseconds and not for each.
"""

import heapq
from math import inf

from service.worker.process_limits import NICENESS

# Each step of nice changes the weight by a factor of 1.25 (sched(7), `sched_prio_to_weight` in the kernel).
LOOP_WEIGHT = 1.25**NICENESS

# Work that is left from rounding.
_NOTHING_S = 1e-12


class Processors:
    """The work of one replica: at most one piece of the event loop, and one call for each busy worker.

    cpus: how many processors there are, maybe a fraction. Time only goes on in `advance`.
    """

    def __init__(self, cpus: float, slowdown: float) -> None:
        self._cpus = cpus
        self._slowdown = slowdown
        self._now = 0.0
        # What a worker that was busy all the time would have done. All have the same speed, so a call ends when this
        # reaches the number that it is entered with.
        self._done = 0.0
        self._calls: list[tuple[float, int]] = []
        self._busy: dict[int, float] = {}
        self._loop_left: float | None = None
        self.busy_s = 0.0

    @property
    def loop_busy(self) -> bool:
        """Whether the event loop has work."""
        return self._loop_left is not None

    def run_loop(self, seconds: float) -> None:
        """Give the event loop so many seconds of work; it must have none."""
        assert self._loop_left is None
        self._loop_left = seconds

    def run_call(self, slot: int, seconds: float) -> None:
        """Give an idle worker so many seconds of work."""
        assert slot not in self._busy
        self._busy[slot] = self._done + seconds
        heapq.heappush(self._calls, (self._done + seconds, slot))

    def kill_call(self, slot: int) -> None:
        """End a worker's call before its time."""
        del self._busy[slot]

    def next_end(self) -> float:
        """Return when the next piece of work ends if nothing else begins."""
        loop_speed, speed = self._speeds()
        self._drop_killed()
        ends = inf
        if self._calls:
            ends = max(0.0, self._calls[0][0] - self._done) / speed
        if self._loop_left is not None:
            ends = min(ends, self._loop_left / loop_speed)
        return self._now + ends

    def advance(self, now: float) -> None:
        """Let time pass until `now`, at most until `next_end`."""
        passed = now - self._now
        loop_speed, speed = self._speeds()
        self._done += passed * speed
        self.busy_s += passed * len(self._busy)
        if self._loop_left is not None:
            self._loop_left -= passed * loop_speed
        self._now = now

    def take_ended_call(self) -> int | None:
        """Return a worker whose call has ended, None where there is none."""
        self._drop_killed()
        if not self._calls or self._calls[0][0] > self._done + _NOTHING_S:
            return None
        slot = heapq.heappop(self._calls)[1]
        del self._busy[slot]
        return slot

    def take_ended_loop(self) -> bool:
        """Return whether the event loop has done its work; it then has none."""
        if self._loop_left is None or self._loop_left > _NOTHING_S:
            return False
        self._loop_left = None
        return True

    def _drop_killed(self) -> None:
        while self._calls and self._busy.get(self._calls[0][1]) != self._calls[0][0]:
            heapq.heappop(self._calls)

    def _speeds(self) -> tuple[float, float]:
        """Return the seconds of work that the event loop and each worker do in a second."""
        workers, loop = len(self._busy), self.loop_busy
        running = workers + loop
        loop_share = worker_share = 1.0
        if running > self._cpus:
            loop_share = min(1.0, self._cpus * LOOP_WEIGHT / (LOOP_WEIGHT * loop + workers))
            worker_share = min(1.0, (self._cpus - loop_share * loop) / max(1, workers))
        others = min(running, self._cpus) - 1
        slowdown = 1.0
        if others > 0:
            slowdown += (self._slowdown - 1) * others / (self._cpus - 1)
        return loop_share, worker_share / slowdown
