"""Corpora on their way in: what is left of one whose client goes away, and how many are kept."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.api.job import JobOptions
from service.errors import Refused
from service.jobs import submission
from service.jobs.limits import JobLimits
from service.jobs.reading import Read
from service.jobs.record import JobRecord
from service.jobs.submission import NewJob, Submission
from service.jobs.upload import Upload
from tests.support.job_runs import Workshop

NEW = NewJob(
    subject="ann",
    options=JobOptions(),
    media_type="text/plain",
    content_encoding="identity",
    charset="utf-8",
    key=None,
    size=4,
)

LIMITS = JobLimits(
    upload_bytes=1 << 30,
    text_bytes=1 << 30,
    documents=100,
    document_bytes=100,
    pairs=100,
    jobs=10,
    subject_bytes=1 << 30,
    retention_s=1.0,
)


class ScriptedReader:
    """Reads every corpus as one document."""

    async def run(self, module: str, arguments: msgspec.Struct, reply: Any) -> Read:
        """Make the folder of a job."""
        Path(arguments.folder).mkdir()  # type: ignore[attr-defined]
        return Read(1, 1)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    """Return what submissions need."""
    shop = Workshop(tmp_path)
    yield shop
    shop.close()


def submission_of(shop: Workshop, woken: list[str]) -> Submission:
    """Return what takes jobs in."""
    return Submission(shop.context, ScriptedReader(), LIMITS, woken.append)  # type: ignore[arg-type]


def open_files() -> Iterator[str]:
    """Yield what this process has open."""
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the descriptor that lists them
            yield str(path.readlink())


async def pieces(*some: bytes) -> AsyncIterator[bytes]:
    """Yield a body."""
    for piece in some:
        yield piece


def test_a_client_that_leaves_while_its_job_is_stored_finds_it(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, and begun: the store has it, so its folder stays."""
    woken: list[str] = []
    add = shop.registry.add

    async def work() -> list[JobRecord]:
        storing, stored = asyncio.Event(), asyncio.Event()

        async def add_slowly(record: JobRecord) -> JobRecord:
            storing.set()
            await asyncio.sleep(0.05)
            added = await add(record)
            stored.set()
            return added

        monkeypatch.setattr(shop.registry, "add", add_slowly)
        client = asyncio.create_task(submission_of(shop, woken).submit(NEW, pieces(b"text")))
        await storing.wait()
        client.cancel()
        await asyncio.wait([client])
        await stored.wait()
        await asyncio.sleep(0)
        return list(shop.registry)

    (record,) = asyncio.run(work())

    assert shop.folder.job(record.id).is_dir()
    assert woken == ["ann"]


def test_a_subject_keeps_only_so_many_jobs(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that have ended, too: each is held in memory."""
    monkeypatch.setattr(submission, "MAX_KEPT", 2)
    taking = submission_of(shop, [])

    async def work() -> None:
        for _ in range(3):
            await taking.submit(NEW, pieces(b"text"))

    with pytest.raises(Refused, match="2 of your jobs are kept") as refused:
        asyncio.run(work())
    assert refused.value.code == "quota_exceeded"


def test_nothing_is_left_of_an_upload_that_was_removed(shop: Workshop) -> None:
    """Whatever its threads had still to do: no file, no open descriptor, no byte to another file."""
    late, early = Upload(shop.folder, "late", 100), Upload(shop.folder, "early", 100)

    async def receive() -> None:
        await late.receive(pieces(b"text"), b"")

    early.remove()
    early._create()
    asyncio.run(receive())
    late.remove()
    late._write([b"more"], 4)

    assert list(shop.folder.spool.iterdir()) == []
    assert not [path for path in open_files() if path.startswith(str(shop.folder.spool))]
