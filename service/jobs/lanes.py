"""Which jobs run: one of each subject at a time, the oldest first; all subjects beside each other.

The scheduler gives steps of different subjects in turn. A subject's own jobs, one after the other, end sooner on
average than side by side.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from service.jobs.record import JobRecord
from service.jobs.registry import Registry
from service.jobs.run import JobRun, RunContext
from service.jobs.states import State

logger = logging.getLogger(__name__)

# After a fault of ours a job is tried again so much later.
FAULT_PAUSE_S = 5.0

# What becomes of jobs whose lane ends in a fault is seen in the log; so often is the lane begun again.
MAX_FAULTS = 3

FAULT = "a fault of the service, which was logged; send it again"


class Lanes:
    """The lanes of all subjects, each a task that lives while its subject has jobs to run."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._registry: Registry = context.registry
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._runs: dict[str, tuple[JobRun, asyncio.Task[None]]] = {}
        # Jobs that may not run now; one may be held twice.
        self._held: list[str] = []
        self._stopping = False

    def __iter__(self) -> Iterator[JobRun]:
        """Yield the runs of now."""
        return iter([run for run, _ in self._runs.values()])

    def run_of(self, name: str) -> JobRun | None:
        """Return the run of a job, None where it does not run."""
        found = self._runs.get(name)
        return None if found is None else found[0]

    def wake(self, subject: str) -> None:
        """Have a subject's jobs run, if there are any and it is not so already."""
        if subject not in self._lanes and not self._stopping and self._next(subject) is not None:
            task = asyncio.create_task(self._drive(subject), name=f"jobs of {subject}")
            self._lanes[subject] = task

    @asynccontextmanager
    async def without(self, record: JobRecord) -> AsyncIterator[None]:
        """Have a job not run while the block lasts; what was being done for it is not counted."""
        self._held.append(record.id)
        try:
            found = self._runs.get(record.id)
            if found is not None:
                found[1].cancel()
                await asyncio.wait([found[1]])
            yield
        finally:
            self._held.remove(record.id)
            self.wake(record.subject)

    async def stop(self, timeout_s: float) -> None:
        """Hand out no more steps, count those that end within the time, and end every lane."""
        self._stopping = True
        for run in self:
            run.stop()
        lanes = list(self._lanes.values())
        if lanes:
            _, late = await asyncio.wait(lanes, timeout=timeout_s)
            for lane in late:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)

    def _next(self, subject: str) -> JobRecord | None:
        for record in self._registry.of(subject):
            if record.state in _TO_RUN and record.id not in self._held:
                return record
        return None

    async def _drive(self, subject: str) -> None:
        """Run the jobs of a subject, one after the other."""
        while not self._stopping and (record := self._next(subject)) is not None:
            run = JobRun(record, self._context)
            task = asyncio.create_task(self._run(run), name=f"job {record.id}")
            self._runs[record.id] = run, task
            try:
                await asyncio.wait([task])
            finally:
                task.cancel()
                del self._runs[record.id]
        # No other task has run since it was looked for the next job.
        del self._lanes[subject]

    async def _run(self, run: JobRun) -> None:
        """Run a job; one that a fault of ours ends again and again has failed."""
        for _ in range(MAX_FAULTS):
            try:
                await run.run()
            except Exception:
                logger.exception("job_fault", extra={"job": run.record.id})
                await asyncio.sleep(FAULT_PAUSE_S)
            else:
                return
        await run.fail(FAULT)


# A job that was running when its server ended is taken up like one that waits.
_TO_RUN = frozenset({State.QUEUED, State.RUNNING, State.PAUSED})
