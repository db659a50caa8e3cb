"""Steps are counted after their records are on disk, many at once."""

import asyncio
from collections.abc import Sequence

import pytest

from service.api.step import StepDone
from service.jobs.commits import Commits
from service.jobs.errors import StorageError


class RecordedLedger:
    """Notes in which order records are synced and steps counted; `fault` is raised by the sync."""

    def __init__(self) -> None:
        self.events: list[tuple[str, list[int]]] = []
        self.fault: StorageError | None = None

    def sync(self, outputs: Sequence[StepDone]) -> None:
        """Note it."""
        if self.fault is not None:
            raise self.fault
        self.events.append(("sync", [output.offset for output in outputs]))

    async def count(self, steps: Sequence[int]) -> None:
        """Note it."""
        self.events.append(("count", list(steps)))


def output(step: int) -> StepDone:
    """Return the output of a step."""
    return StepDone("segment", step, 1)


def test_records_are_synced_before_their_steps_are_counted() -> None:
    """All that are done by then."""
    ledger = RecordedLedger()

    async def work() -> None:
        commits = Commits(ledger)
        for step in (3, 1, 2):
            commits.add(step, output(step))
        commits.complete()
        await commits.run()

    asyncio.run(work())

    assert ledger.events[:2] == [("sync", [3, 1, 2]), ("count", [3, 1, 2])]


def test_no_step_waits_for_the_last() -> None:
    """Those that are done are counted a few times a second."""
    ledger = RecordedLedger()

    async def work() -> None:
        commits = Commits(ledger, interval_s=0.001)
        running = asyncio.create_task(commits.run())
        commits.add(1, output(1))
        while ("count", [1]) not in ledger.events:
            await asyncio.sleep(0)
        commits.add(2, output(2))
        commits.complete()
        await running

    asyncio.run(work())

    assert [steps for event, steps in ledger.events if event == "count"] == [[1], [2]]


def test_a_disk_that_fails_is_reported_and_nothing_counted() -> None:
    """The steps are done again."""
    ledger = RecordedLedger()
    ledger.fault = StorageError("full", full=True)

    async def work() -> None:
        commits = Commits(ledger)
        commits.add(1, output(1))
        commits.complete()
        await commits.run()

    with pytest.raises(StorageError):
        asyncio.run(work())

    assert ledger.events == []
