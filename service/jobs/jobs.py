"""The jobs of one server: what the routes ask of them, their start, and their end."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from service.api.job import Job, JobList, Part
from service.errors import Refused
from service.jobs.apart import Processes
from service.jobs.engine import ResultFile, ResultPart
from service.jobs.errors import StorageError
from service.jobs.lanes import Lanes
from service.jobs.limits import JobLimits
from service.jobs.record import JobRecord, describe
from service.jobs.registry import Registry, states_of
from service.jobs.regrouping import Regroupings
from service.jobs.run import RunContext
from service.jobs.state_folder import StateFolder
from service.jobs.states import State
from service.jobs.submission import NewJob, Submission
from service.pool.daemon_threads import run_blocking

logger = logging.getLogger(__name__)

# How often it is looked for jobs whose time is over.
RETENTION_CHECK_S = 30.0

# How long a drain waits for the steps that are out, and for their records to be on disk.
STOP_S = 2.0


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: a subject, and whether it may see everyone's jobs."""

    subject: str
    all: bool = False

    def sees(self, record: JobRecord) -> bool:
        """Whether a job is there for it."""
        return self.all or record.subject == self.subject


class Jobs:
    """All jobs. Everything here belongs to the event loop's thread."""

    def __init__(self, context: RunContext, processes: Processes, limits: JobLimits) -> None:
        self._context = context
        self._registry: Registry = context.registry
        self._folder: StateFolder = context.folder
        self._lanes = Lanes(context)
        self._submission = Submission(context, processes, limits, self._lanes.wake)
        self._regroupings = Regroupings(processes)
        self._limits = limits
        self._keeping: asyncio.Task[None] | None = None
        self._stopped = asyncio.Event()

    @property
    def limits(self) -> JobLimits:
        """What jobs may take."""
        return self._limits

    @property
    def stopping(self) -> bool:
        """Whether the server drains."""
        return self._stopped.is_set()

    async def start(self) -> None:
        """Take up the jobs that there are. Raises: StorageError."""
        await self._registry.load()
        await run_blocking(self._clean)
        for record in self._registry:
            self._lanes.wake(record.subject)
        self._keeping = asyncio.create_task(self._keep(), name="retention of jobs")

    def _clean(self) -> None:
        """Delete what belongs to no job."""
        self._folder.clean()
        known = {record.id for record in self._registry}
        for name in self._folder.names():
            if name not in known:
                self._folder.remove(name)

    async def stop(self) -> None:
        """Hand out no more steps, and count what is done."""
        if self.stopping:
            return
        self._stopped.set()
        if self._keeping is not None:
            self._keeping.cancel()
        self._registry.wake_all()
        await self._lanes.stop(STOP_S)

    async def close(self) -> None:
        """Let another server have `state_dir`."""
        await self.stop()
        await self._registry.close()
        self._folder.close()

    async def submit(self, new: NewJob, pieces: AsyncIterable[bytes]) -> Job:
        """Return the job that a client's corpus makes. Raises: Refused, and what `pieces` raise."""
        self._check_open()
        return self._describe(await self._submission.submit(new, pieces))

    def list(self, viewer: Viewer, limit: int, after: str | None) -> JobList:
        """Return jobs, the newest first: those that were submitted before `after`. Raises: Refused."""
        before = None if after is None else self._find(viewer, after).number
        seen = (
            record
            for record in self._registry.newest_first()
            if (before is None or record.number < before) and viewer.sees(record)
        )
        found = list(islice(seen, limit + 1))
        page = found[:limit]
        return JobList(
            [self._describe(record) for record in page], page[-1].id if len(found) > limit else None
        )

    def get(self, viewer: Viewer, name: str) -> Job:
        """Return a job. Raises: Refused (`not_found`)."""
        return self._describe(self._find(viewer, name))

    async def change(self, name: str, timeout_s: float) -> bool:
        """Wait until a job changes or is removed; return False when the time is over first."""
        return await self._registry.change(name, timeout_s)

    async def pause(self, seconds: float) -> None:
        """Wait so long, or until the server drains."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()

    async def delete(self, viewer: Viewer, name: str) -> None:
        """Cancel a job that has not ended; remove one that has. Its files are deleted. Raises: Refused."""
        self._check_open()
        record = self._find(viewer, name)
        self._check_unused(record)
        async with self._lanes.without(record):
            record = self._find(viewer, name)
            try:
                await self._end(record)
            except StorageError as error:
                code = "insufficient_storage" if error.full else "internal_error"
                raise Refused(code, str(error)) from error
            # Not awaited: the disk may take its time, and the folder is out of the way at once.
            run_blocking(partial(self._folder.remove, name))

    async def _end(self, record: JobRecord) -> None:
        """Cancel a job, or forget one that has ended. Raises: StorageError."""
        if record.state.ended:
            await self._registry.remove(record)
        else:
            cancelled = replace(
                record,
                state=State.CANCELLED,
                reason="",
                stage_name="",
                disk_bytes=0,
                ended=self._context.now(),
            )
            await self._registry.put(cancelled)

    def _check_open(self) -> None:
        if self.stopping:
            raise Refused("draining", "the server is shutting down; try again later")

    def get_or_none(self, viewer: Viewer, name: str) -> Job | None:
        """Return a job, None where there is none."""
        record = self._registry.get(name)
        return None if record is None or not viewer.sees(record) else self._describe(record)

    async def result(self, viewer: Viewer, name: str, part: ResultPart, query: Part) -> ResultFile:
        """Return a part of the result of a job. Raises: Refused (`not_found`, `not_ready`, `no_result`)."""
        record = self._find(viewer, name)
        if record.state.ended and record.state is not State.DONE:
            why = f": {record.reason}" if record.reason else ""
            raise Refused("no_result", f"the job is {record.state}{why}")
        if record.state is not State.DONE:
            raise Refused("not_ready", f"the job is {record.state}; its result is there when it is done", 1)
        folder, answer = self._folder.job(name), ""
        if query.duplicates is not None and part == "documents":
            answer = await self._regroupings.run(folder, query.duplicates, query.linkage)
        try:
            return await run_blocking(partial(self._context.engine.result, folder, part, answer))
        except ValueError as error:
            raise Refused("no_result", str(error)) from error

    async def read(self, result: ResultFile, start: int, stop: int) -> AsyncGenerator[bytes]:
        """Yield bytes of a result, read beside the event loop."""
        pieces = result.read(start, stop)
        while piece := await run_blocking(partial(next, pieces, b"")):
            yield piece

    def counts(self) -> dict[str, int]:
        """Return how many jobs are in each state."""
        return states_of(self._registry)

    def _describe(self, record: JobRecord) -> Job:
        run = self._lanes.run_of(record.id)
        return describe(record, self._limits.retention_s, None if run is None else run.pace)

    def _find(self, viewer: Viewer, name: str) -> JobRecord:
        record = self._registry.get(name)
        if record is None or not viewer.sees(record):
            raise Refused("not_found", "there is no such job, or it is not yours")
        return record

    def _check_unused(self, record: JobRecord) -> None:
        """Refuse to remove a job that another one reads. Raises: Refused (`job_in_use`)."""
        for other in self._registry:
            if other.options.against == record.id and not other.state.ended:
                raise Refused(
                    "job_in_use",
                    f"the job {other.id} compares with it; delete that one first, or wait for it",
                )

    async def _keep(self) -> None:
        """Remove jobs whose time is over, again and again."""
        while True:
            for record in self._registry:
                if (
                    record.ended is not None
                    and record.ended + self._limits.retention_s <= self._context.now()
                ):
                    await self._expire(record)
            await asyncio.sleep(min(RETENTION_CHECK_S, max(1.0, self._limits.retention_s / 10)))

    async def _expire(self, record: JobRecord) -> None:
        try:
            await self.delete(Viewer(record.subject), record.id)
        except Refused as refused:
            logger.info("job_kept", extra={"job": record.id, "detail": refused.detail})
        else:
            logger.info("job_expired", extra={"job": record.id})
