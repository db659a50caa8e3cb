"""The steps of durable jobs: short pieces of work that slots do when no request waits for them.

Subjects take turns, one step each, so that a subject with a large job does not delay another's small one. By default
a step starts only where no request waits. With a `share` of the slots' time guaranteed, steps also go before requests
while they have had less than that:

    a slot has spent t seconds on a request while steps waited   credit + share·t
    a slot has spent t seconds on a step                         credit − (1 − share)·t
    credit > 0                                                   the next idle slot takes a step

Time that requests leave over is not held against steps, nor saved up for them: the credit stays within a few steps.
"""

from collections import OrderedDict, deque

from service.scheduling.job import Job

# What a step is made to take at most, in seconds: a request that arrives meets no more than one of each slot.
STEP_S = 0.02

# After so long a step hangs. It is no promise to anyone: on a machine with too much to do 20 ms of work take seconds.
STEP_LIMIT_S = 60.0

# How far the credit may be from even, in seconds.
_MOST_CREDIT = 5 * STEP_S


class Background:
    """The steps that wait, and what they are owed. Every operation takes constant time."""

    def __init__(self, share: float = 0.0) -> None:
        """`share`: of the slots' time, 0 to 1, that steps get while requests wait, too."""
        self._share = share
        self._credit = 0.0
        # The subject whose turn it is comes first.
        self._waiting: OrderedDict[str, deque[Job]] = OrderedDict()
        self.count = 0

    @property
    def owed(self) -> bool:
        """Whether a step goes before requests."""
        return self.count > 0 and self._credit > 0

    def push(self, step: Job) -> None:
        """Put a step behind those of its subject."""
        self._waiting.setdefault(step.subject, deque()).append(step)
        step.queued = True
        self.count += 1

    def remove(self, step: Job) -> None:
        """Take out a step whether it is its turn or not."""
        steps = self._waiting[step.subject]
        steps.remove(step)
        self._taken(step, steps)

    def take(self) -> Job | None:
        """Take the step whose turn it is, None where none waits."""
        if not self.count:
            return None
        subject, steps = next(iter(self._waiting.items()))
        self._waiting.move_to_end(subject)
        step = steps.popleft()
        self._taken(step, steps)
        return step

    def note_request(self, seconds: float) -> None:
        """Note how long a slot was busy with requests."""
        if self.count:
            self._credit = min(_MOST_CREDIT, self._credit + self._share * seconds)

    def note_step(self, seconds: float) -> None:
        """Note how long a slot was busy with a step."""
        self._credit = max(-STEP_S, self._credit - (1 - self._share) * seconds)

    def _taken(self, step: Job, steps: deque[Job]) -> None:
        step.queued = False
        self.count -= 1
        if not steps:
            del self._waiting[step.subject]
