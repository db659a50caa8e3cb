"""Jobs for asyncio: `AsyncClient.jobs`. The methods are those of `Jobs`, which says more of each."""

import uuid
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar, cast

from scorepool_client.exchange import Steps
from scorepool_client.following import Piece
from scorepool_client.job_calls import JobCalls
from scorepool_client.jobs import Grouping, Job, JobOptions, ResultPart, ResultQuery
from scorepool_client.request import AnyDocument, refuse_text
from scorepool_client.result_lines import LineSplitter
from scorepool_client.results import DocumentScore, Pair
from scorepool_client.uploads import OnBytes, Spool, Upload, open_file

Result = TypeVar("Result")


class AsyncRunner(Protocol):
    """Does steps; a client's."""

    async def run(self, steps: Steps[Result]) -> Result:
        """Do steps to their end; return their result."""

    def iterate(self, steps: Steps[None]) -> AsyncIterator[Any]:
        """Do steps, and yield what they emit."""


class AsyncJobs:
    """Corpora larger than a request; see `Jobs`."""

    def __init__(self, calls: JobCalls, runner: AsyncRunner) -> None:
        self._calls = calls
        self._runner = runner

    async def submit(
        self,
        corpus: Path | Iterable[AnyDocument] | AsyncIterable[AnyDocument],
        options: JobOptions | None = None,
        *,
        media_type: str | None = None,
        key: str | None = None,
        on_progress: OnBytes | None = None,
        timeout: float | None = None,
    ) -> Job:
        """Send a corpus; return its job. Raises: ScorepoolError; ValueError for a file of another kind; OSError."""
        with await _opened(corpus, media_type) as upload:
            upload.on_progress = on_progress
            key = key or uuid.uuid4().hex
            return await self._runner.run(self._calls.submit(upload, options or JobOptions(), key, timeout))

    async def get(self, job: str, *, timeout: float | None = None) -> Job:
        """Return what is known of a job, by its id. Raises: ScorepoolError."""
        return await self._runner.run(self._calls.get(job, timeout))

    def list(self, *, timeout: float | None = None) -> AsyncIterator[Job]:
        """Yield the jobs of the token's subject, newest first. Raises: ScorepoolError."""
        return self._runner.iterate(self._calls.list(timeout))

    def watch(self, job: str) -> AsyncIterator[Job]:
        """Yield a job at once and whenever it has changed, until it has ended. Raises: ScorepoolError."""
        return self._runner.iterate(self._calls.watch(job))

    async def wait(self, job: str) -> Job:
        """Return a job when it has ended. Raises: ScorepoolError."""
        return [told async for told in self.watch(job)][-1]

    def documents(self, job: str, grouping: Grouping | None = None) -> AsyncIterator[DocumentScore]:
        """Yield the scores of a job that is done, as they come. Raises: ScorepoolError."""
        return cast("AsyncIterator[DocumentScore]", self._lines(job, ResultQuery("documents", grouping)))

    def pairs(self, job: str) -> AsyncIterator[Pair]:
        """Yield the pairs that a job found, as they come. Raises: ScorepoolError."""
        return cast("AsyncIterator[Pair]", self._lines(job, ResultQuery("pairs")))

    async def download(
        self,
        job: str,
        file: BinaryIO,
        part: ResultPart = "documents",
        on_progress: OnBytes | None = None,
        *,
        grouping: Grouping | None = None,
    ) -> int:
        """Write a result to a file as it is; return the bytes. Raises: ScorepoolError; what `file` raises."""
        written = 0
        async for piece in self._pieces(job, ResultQuery(part, grouping)):
            file.write(piece.data)
            written += len(piece.data)
            if on_progress is not None:
                on_progress(written, piece.total)
        return written

    async def cancel(self, job: str, *, timeout: float | None = None) -> None:
        """End a job, and remove it with its result. Raises: ScorepoolError."""
        await self._runner.run(self._calls.cancel(job, timeout))

    def _pieces(self, job: str, asked: ResultQuery) -> AsyncIterator[Piece]:
        return self._runner.iterate(self._calls.result(job, asked))

    async def _lines(self, job: str, asked: ResultQuery) -> AsyncIterator[DocumentScore | Pair]:
        splitter = LineSplitter(asked.part)
        async for piece in self._pieces(job, asked):
            for line in splitter.feed(piece.data):
                yield line
        for line in splitter.finish():
            yield line


async def _opened(
    corpus: Path | Iterable[AnyDocument] | AsyncIterable[AnyDocument], media_type: str | None
) -> Upload:
    if isinstance(corpus, Path):
        return open_file(corpus, media_type)
    refuse_text(corpus)
    spool = Spool()
    try:
        async for document in iterated(corpus):
            spool.add(document)
    except BaseException:
        spool.discard()
        raise
    return spool.finish()


async def iterated(
    documents: Iterable[AnyDocument] | AsyncIterable[AnyDocument],
) -> AsyncIterator[AnyDocument]:
    """Yield documents of either kind of iterator."""
    if isinstance(documents, AsyncIterable):
        async for document in documents:
            yield document
    else:
        for document in documents:
            yield document
