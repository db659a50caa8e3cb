"""A running pool with real worker processes: all ready at the start, drained at the end."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from service.api.outcome import Outcome
from service.dispatcher import Dispatcher
from service.limits import PoolLimits
from service.scheduling.job import Job
from service.worker.main import HandlerFactory
from tests.fakes import PoolRecorder, ScriptedHandler

MIB = 1024 * 1024

REQUEST_IDS = count()


@dataclass
class RunningPool:
    """A dispatcher and the recorder of its events, with shortcuts for tests."""

    dispatcher: Dispatcher
    recorder: PoolRecorder

    async def ask(self, body: bytes, *, timeout: float = 30.0, subject: str = "s") -> Outcome:
        """Admit and submit one body, as the HTTP layer does; return its outcome."""
        deadline = time.monotonic() + timeout
        with self.dispatcher.admit(subject, len(body), deadline) as permit:
            job = Job(f"request-{next(REQUEST_IDS)}", subject, body, "score", deadline)
            return await self.dispatcher.submit(permit, job)

    def begin(self, body: bytes, *, timeout: float = 30.0, subject: str = "s") -> "asyncio.Task[Outcome]":
        """Return a task that asks; cancel it to disconnect the client."""
        return asyncio.create_task(self.ask(body, timeout=timeout, subject=subject))

    @property
    def pids(self) -> list[int]:
        """Return the process ids of the workers that are alive."""
        return [slot.pid for slot in self.dispatcher.snapshot().slots if slot.pid is not None]

    async def all_ready(self) -> None:
        """Wait until every slot is ready."""
        while any(slot.state != "ready" for slot in self.dispatcher.snapshot().slots):
            seen = len(self.recorder.all("slot_changed"))
            await self.recorder.until("slot_changed", times=seen + 1)


@asynccontextmanager
async def running_pool(
    handlers: HandlerFactory = ScriptedHandler, **capacity: int
) -> AsyncIterator[RunningPool]:
    """Start a pool with every slot ready; drain it at the end."""
    recorder = PoolRecorder()
    limits: dict[str, Any] = {"workers": 2, "worker_memory_bytes": 512 * MIB, **capacity}
    pool = RunningPool(Dispatcher(handlers, PoolLimits(**limits), recorder), recorder)
    await pool.dispatcher.start()
    try:
        await pool.all_ready()
        yield pool
    finally:
        await pool.dispatcher.drain(5.0)
