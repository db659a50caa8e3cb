"""The queue: jobs by subject, served in turn so that no subject can starve another.

Deficit round-robin (Shreedhar and Varghese, 1995) in units of predicted cost, with the rule of RFC 8290 that
sparse subjects go first. A subject that begins to wait is fresh: it goes before those that have waited and been
served, for as long as its jobs fit into its first quantum. One whose next job costs more than is left of that
quantum waits its turn in the rotation like any other, so that no number of heavy fresh subjects delays a light one:

    first job of a subject
      ↓
    fresh  ── the next job costs more than is left of its quantum, or nothing waits ──→ end of rotation
    rotation  ── took its quantum ──→ end of rotation
      └─ nothing waits and no debt ──→ forgotten

A job may cost more than a quantum. The subject then goes into debt and stays in the rotation, even without
jobs, until the debt is paid, so that sending a single huge job at a time gains nothing. While n
subjects wait, any two of them have been given the same cost to within a quantum and the largest job of each.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from service.scheduling.job import Job

# One turn is about one batch. Less would split batches among subjects, more would let each turn last longer.
QUANTUM_S = 0.02


@dataclass(slots=True)
class _Flow:
    subject: str
    deficit: float = 0.0
    jobs: deque[Job] = field(default_factory=deque)
    count: int = 0
    cost: float = 0.0


class FairQueue:
    """Waiting jobs. Every operation is O(1) amortised, but `head` where all subjects are in debt."""

    def __init__(self) -> None:
        self._flows: dict[str, _Flow] = {}
        self._fresh: deque[_Flow] = deque()
        self._rotation: deque[_Flow] = deque()
        self._retries: deque[Job] = deque()
        self._n_waiting = 0
        self.count = 0
        self.cost = 0.0

    @property
    def subjects(self) -> int:
        """Return how many subjects have jobs waiting in turn."""
        return self._n_waiting

    def cost_of(self, subject: str) -> float:
        """Return the predicted seconds that wait for one subject."""
        flow = self._flows.get(subject)
        return flow.cost if flow else 0.0

    def push(self, job: Job) -> None:
        """Put a new job behind those of its subject."""
        flow = self._flows.get(job.subject)
        if flow is None:
            flow = self._flows[job.subject] = _Flow(job.subject, QUANTUM_S)
            self._fresh.append(flow)
        flow.jobs.append(job)
        self._n_waiting += not flow.count
        flow.count += 1
        flow.cost += job.cost
        self._add(job)

    def requeue(self, job: Job) -> None:
        """Put a job back before all others, alone: it was served in turn once and its worker was lost."""
        job.alone = True
        self._retries.append(job)
        self._add(job)

    def _add(self, job: Job) -> None:
        job.queued = True
        self.count += 1
        self.cost += job.cost

    def remove(self, job: Job) -> None:
        """Take out a job, whether it is its turn or not."""
        job.queued = False
        self.count -= 1
        self.cost -= job.cost
        if not job.alone:
            flow = self._flows[job.subject]
            flow.count -= 1
            flow.cost -= job.cost
            self._n_waiting -= not flow.count
        if not self.count:
            self._reset()

    def _reset(self) -> None:
        """Reset the empty queue: debts matter only to other subjects, and rounding errors would add up."""
        self._flows.clear()
        self._fresh.clear()
        self._rotation.clear()
        self._retries.clear()
        self._n_waiting = 0
        self.cost = 0.0

    def head(self) -> Job | None:
        """Return the job whose turn it is, without taking it."""
        while self._retries:
            if self._retries[0].queued:
                return self._retries[0]
            self._retries.popleft()
        if not self.count:
            return None
        return self._next_flow().jobs[0]

    def take(self, job: Job) -> None:
        """Take the job that `head` returned, at its subject's expense."""
        if not job.alone:
            self._flows[job.subject].deficit -= job.cost
        self.remove(job)

    def _next_flow(self) -> _Flow:
        """Advance to the flow whose turn it is: one with a waiting job and something to spend."""
        in_debt = 0
        while True:
            line = self._fresh or self._rotation
            flow = line[0]
            while flow.jobs and not flow.jobs[0].queued:
                flow.jobs.popleft()
            if flow.jobs and self._may_take(flow, fresh=line is self._fresh):
                return flow
            line.popleft()
            if not flow.jobs and flow.deficit >= 0 and line is self._rotation:
                del self._flows[flow.subject]
                continue
            # A fresh flow without jobs goes round once too, or its subject could be fresh for ever.
            self._rotation.append(flow)
            if flow.deficit <= 0:
                flow.deficit += QUANTUM_S
                in_debt += 1
            if in_debt > len(self._rotation):
                self._skip_rounds()
                in_debt = 0

    @staticmethod
    def _may_take(flow: _Flow, *, fresh: bool) -> bool:
        """Return whether a flow at the head of its line may be given its next job: into debt only in the rotation."""
        return flow.deficit > 0 and (not fresh or flow.jobs[0].cost <= flow.deficit)

    def _skip_rounds(self) -> None:
        """Add at once the quanta of the rounds in which no flow could be served: a job of a second is 50 of them."""
        waiting = [flow.deficit for flow in self._rotation if flow.jobs]
        rounds = max(0, int(-max(waiting) // QUANTUM_S)) if waiting else 0
        for flow in self._rotation:
            flow.deficit += rounds * QUANTUM_S

    def __iter__(self) -> Iterator[Job]:
        """Yield every waiting job, in no particular order."""
        yield from (job for job in self._retries if job.queued)
        for flow in self._flows.values():
            yield from (job for job in flow.jobs if job.queued)
