"""All jobs in memory, each change of which is in the store before it is seen; and who waits for changes.

Belongs to the event loop's thread. A job is changed by one task at a time: its run while it has one, else the facade.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Protocol

from service.jobs.errors import StorageError
from service.jobs.record import JobRecord
from service.jobs.states import FOLLOWING, State
from service.jobs.store import Store
from service.pool.daemon_threads import SerialThread


class JobObserver(Protocol):
    """Receives the events of jobs, on the event loop; never a document's text."""

    def job_changed(self, record: JobRecord) -> None:
        """Note that a job is in another state."""

    def job_begun_anew(self, record: JobRecord) -> None:
        """Note that another model is served than the one that a job's documents were being embedded with."""

    def steps_counted(self, stage: str, steps: int) -> None:
        """Note that so many steps of a stage are done and on disk."""


class Registry:
    """The jobs by their ids, the oldest first."""

    def __init__(self, store: Store, observer: JobObserver) -> None:
        self._store = store
        self._thread = SerialThread("jobs' store")
        self._observer = observer
        self._records: dict[str, JobRecord] = {}
        self._watchers: dict[str, set[asyncio.Future[None]]] = {}

    async def load(self) -> None:
        """Read what the store has. Raises: StorageError."""
        records = await self._thread.run(self._store.load)
        self._records = {record.id: record for record in records}

    def __iter__(self) -> Iterator[JobRecord]:
        """Yield every job, the oldest first."""
        return iter(list(self._records.values()))

    def newest_first(self) -> Iterator[JobRecord]:
        """Yield every job, the newest first, without a copy: none may come or go meanwhile."""
        return reversed(self._records.values())

    def get(self, name: str) -> JobRecord | None:
        """Return a job as it is now."""
        return self._records.get(name)

    def of(self, subject: str) -> list[JobRecord]:
        """Return the jobs of a subject, the oldest first."""
        return [record for record in self._records.values() if record.subject == subject]

    async def add(self, record: JobRecord) -> JobRecord:
        """Take in a new job. Raises: StorageError."""
        number = await self._thread.run(partial(self._store.insert, record))
        return self._show(replace(record, number=number))

    async def put(self, record: JobRecord) -> JobRecord:
        """Note what has become of a job. Raises: StorageError, and then nothing has."""
        self._check(record)
        await self._thread.run(partial(self._store.update, record))
        return self._show(record)

    async def put_if_possible(self, record: JobRecord) -> JobRecord:
        """Note what has become of a job, in memory alone where the store has no room for it."""
        try:
            return await self.put(record)
        except StorageError:
            return self._show(record)

    async def count(self, record: JobRecord, stage: str, steps: Iterable[int]) -> JobRecord:
        """Count steps that are on disk. Raises: StorageError, and then they are not counted."""
        counted = tuple(steps)
        await self._thread.run(partial(self._store.count, record, counted))
        self._observer.steps_counted(stage, len(counted))
        return self._show(record)

    async def enter_stage(self, record: JobRecord, steps: Iterable[int] = ()) -> JobRecord:
        """Note that a job is in a stage of which these steps are done. Raises: StorageError."""
        self._check(record)
        await self._thread.run(partial(self._store.replace_steps, record, tuple(steps)))
        return self._show(record)

    async def counted(self, record: JobRecord) -> set[int]:
        """Return the steps that are done of a job's stage. Raises: StorageError."""
        return await self._thread.run(partial(self._store.counted, record.number))

    async def remove(self, record: JobRecord) -> None:
        """Forget a job. Raises: StorageError."""
        await self._thread.run(partial(self._store.remove, record.number))
        self._records.pop(record.id, None)
        self._wake(record.id)

    def begin_anew(self, record: JobRecord) -> None:
        """Tell the observer."""
        self._observer.job_begun_anew(record)

    async def change(self, name: str, timeout_s: float) -> bool:
        """Wait until a job changes or is removed; return False when the time is over first."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.setdefault(name, set()).add(future)
        try:
            done, _ = await asyncio.wait([future], timeout=timeout_s)
        finally:
            watchers = self._watchers.get(name, set())
            watchers.discard(future)
            if not watchers:
                self._watchers.pop(name, None)
        return bool(done)

    def wake_all(self) -> None:
        """Wake all who wait for a change."""
        for name in list(self._watchers):
            self._wake(name)

    async def close(self) -> None:
        """Close the store, behind what is being written."""
        await self._thread.run(self._store.close)

    def _check(self, record: JobRecord) -> None:
        before = self._records[record.id].state
        assert record.state is before or record.state in FOLLOWING[before], f"{record.state} after {before}"

    def _show(self, record: JobRecord) -> JobRecord:
        before = self._records.get(record.id)
        self._records[record.id] = record
        if before is None or before.state is not record.state:
            self._observer.job_changed(record)
        self._wake(record.id)
        return record

    def _wake(self, name: str) -> None:
        for future in self._watchers.pop(name, set()):
            if not future.done():
                future.set_result(None)


def states_of(records: Iterable[JobRecord]) -> dict[str, int]:
    """Count jobs by state; every state has an entry."""
    counts = dict.fromkeys(map(str, State), 0)
    for record in records:
        counts[record.state] += 1
    return counts
