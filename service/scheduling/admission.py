"""May this request come in? Pure arithmetic over what is held and what waits; reads no clock.

Twice for each request: `admit` before its body is read, with only a Content-Length to go by, and `check_wait` with
the body's predicted cost. Rules, the same for the bytes of bodies and for predicted seconds of work:

    fair share = budget / subjects that use it
    the budget is used up, and with this the subject would have more than its fair share   → overloaded
    twice the budget is used up                                                            → overloaded
    others wait, and with this the subject's queued cost would exceed its fair share       → quota_exceeded

So a subject alone may use the whole budget, and one that comes later still gets its share. The bytes of answers have
a budget of their own, see `answer_budget`.
"""

from collections.abc import Callable
from math import ceil
from random import Random
from types import TracebackType
from typing import NamedTuple

from service.errors import Refused
from service.limits import PoolLimits
from service.scheduling.answer_budget import AnswerBudget
from service.scheduling.fair_queue import QUANTUM_S
from service.scheduling.holdings import OVERDRAFT, Holdings

# A predicted wait must fit into the time to a deadline so often. What takes the cores away takes twice the time,
# and a refusal at once is better than a 504 later.
DEADLINE_MARGIN = 2

# Retry-After is spread around the predicted time, so that refused clients do not all come back at once.
JITTER = (0.5, 1.5)


class QueueLoad(NamedTuple):
    """What waits and runs, in predicted seconds of one worker.

    running: left of running calls. queued: waiting. own: waiting of this subject. others: how many other
    subjects have something waiting. slots: workers that share the work.
    """

    running: float
    queued: float
    own: float
    others: int
    slots: int

    @property
    def wait(self) -> float:
        """Return the predicted seconds until a new job of this subject is started.

        In turn with others it waits for its own subject's jobs, for as much of each other's, and for one
        turn.
        """
        in_turn = self.own * (self.others + 1) + self.others * QUANTUM_S
        return (self.running + min(self.queued, in_turn)) / self.slots


class Permit:
    """The right to bring one body and have it scored; a context manager, released once.

    size: bytes of the body. answer: bytes that are charged for the answer.
    """

    __slots__ = ("_admission", "answer", "size", "subject")

    def __init__(self, admission: "Admission", subject: str, size: int) -> None:
        self._admission: Admission | None = admission
        self.subject = subject
        self.size = size
        self.answer = 0

    def __enter__(self) -> "Permit":
        """Hold the permit."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the permit."""
        admission, self._admission = self._admission, None
        if admission is not None:
            admission.release(self)


class Admission:
    """Counts the permits and the bytes they hold; `idle` is called when the last one was released."""

    def __init__(self, limits: PoolLimits, random: Random, idle: Callable[[], None]) -> None:
        self._limits = limits
        self._random = random
        self._idle = idle
        self._byte_budget = limits.body_budget_bytes
        self._bodies = Holdings()
        self.answers = AnswerBudget(limits.answer_budget_bytes, self.retry_after)
        self.permits = 0

    def __repr__(self) -> str:
        """Show the counts."""
        bodies = self._bodies
        return f"<Admission {self.permits} permits, {bodies.total} bytes, {bodies.subjects} subjects>"

    def admit(self, subject: str, size: int | None) -> Permit:
        """Take a request's bytes into the budget; of unknown size (None) the largest allowed.

        Raises: Refused.
        """
        # An empty body holds a byte too, so that a subject with a permit is always in the books.
        size = self._limits.max_body_bytes if size is None else max(1, size)
        held, own = self._bodies.total, self._bodies.of(subject)
        share = self._bodies.fair_share(subject, self._byte_budget)
        if held > self._byte_budget * OVERDRAFT or (held > self._byte_budget and own + size > share):
            raise Refused("overloaded", "too many bodies are held; try again later", self.retry_after(1.0))
        self._bodies.change(subject, size)
        self.permits += 1
        return Permit(self, subject, size)

    def release(self, permit: Permit) -> None:
        """Give back what a permit holds."""
        self._bodies.change(permit.subject, -permit.size)
        self.charge_answer(permit, 0)
        self.permits -= 1
        if not self.permits:
            self._idle()

    def charge_answer(self, permit: Permit, size: int) -> None:
        """Charge a permit's answer with `size` bytes instead of what it was charged with before.

        Raises: Refused (`overloaded`).
        """
        self.answers.charge(permit.subject, permit.answer, size)
        permit.answer = size

    def check_wait(self, cost: float, time_left: float, load: QueueLoad) -> None:
        """Check that a job of this cost may wait; `time_left` is the seconds to its deadline.

        Raises: Refused.
        """
        budget = self._limits.queue_budget_s * load.slots
        share = budget / (load.others + 1)
        used = load.running + load.queued
        if used + cost <= share and used * DEADLINE_MARGIN <= time_left * load.slots:
            return  # nearly always: so little waits that no rule can refuse, as no wait is longer than all of it
        if load.others and load.own and load.own + cost > share:
            over = (load.own + cost - share) * (load.others + 1) / load.slots
            detail = (
                f"your queued work is over its share of {share:.1f} s while others wait; send less at once"
            )
            raise Refused("quota_exceeded", detail, self.retry_after(over))
        if used > budget * OVERDRAFT or (used > budget and load.own + cost > share):
            detail = f"the queue is full: {used / load.slots:.1f} s of work wait; try again later"
            raise Refused("overloaded", detail, self.retry_after(used / load.slots))
        if load.wait * DEADLINE_MARGIN > time_left:
            detail = f"the wait of {load.wait:.1f} s may well be longer than the request's own deadline"
            raise Refused("overloaded", detail, self.retry_after(load.wait))

    def retry_after(self, seconds: float) -> int:
        """Return whole seconds, at least 1, spread around the given."""
        return max(1, ceil(seconds * self._random.uniform(*JITTER)))
