"""Makes the outputs of steps durable, many at once: first their records, then their count.

    step ends ─→ pending ── a few times a second ─→ records synced ─→ steps counted in the store

A crash between any two of these loses at most steps that are not counted, and they are done again.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from service.api.step import StepDone
from service.pool.daemon_threads import run_blocking

# How long a step may wait to be counted. Syncs take milliseconds to tens of them; more often would keep a disk busy.
INTERVAL_S = 0.25


class Ledger(Protocol):
    """What counts the steps of the stage that a job is in."""

    def sync(self, outputs: Sequence[StepDone]) -> None:
        """Have records on disk; blocks. Raises: StorageError, also where the disk is about to be full."""

    async def count(self, steps: Sequence[int]) -> None:
        """Count steps whose records are on disk. Raises: StorageError."""


class Commits:
    """The steps of one stage that are done and not yet counted."""

    def __init__(self, ledger: Ledger, interval_s: float = INTERVAL_S) -> None:
        self._ledger = ledger
        self._interval_s = interval_s
        self._pending: list[tuple[int, StepDone]] = []
        self._complete = asyncio.Event()

    def add(self, step: int, output: StepDone) -> None:
        """Take a step that is done."""
        self._pending.append((step, output))

    def complete(self) -> None:
        """Have `run` end once all is counted: no other step comes."""
        self._complete.set()

    async def run(self) -> None:
        """Count until it is complete. Raises: StorageError, with what is pending not counted."""
        while not self._complete.is_set():
            waiting = asyncio.ensure_future(self._complete.wait())
            await asyncio.wait([waiting], timeout=self._interval_s)
            waiting.cancel()
            await self._commit()
        await self._commit()

    async def _commit(self) -> None:
        pending, self._pending = self._pending, []
        await run_blocking(partial(self._ledger.sync, [output for _, output in pending]))
        if pending:
            await self._ledger.count([step for step, _ in pending])
