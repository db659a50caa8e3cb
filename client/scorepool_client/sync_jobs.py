"""Jobs for threads: `Client.jobs`."""

import uuid
from collections.abc import Iterable, Iterator
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


class Runner(Protocol):
    """Does steps; a client's."""

    def run(self, steps: Steps[Result]) -> Result:
        """Do steps to their end; return their result."""

    def iterate(self, steps: Steps[None]) -> Iterator[Any]:
        """Do steps, and yield what they emit."""


class Jobs:
    """Corpora larger than a request: the service keeps a job and works on it, over its own restarts, too."""

    def __init__(self, calls: JobCalls, runner: Runner) -> None:
        self._calls = calls
        self._runner = runner

    def submit(
        self,
        corpus: Path | Iterable[AnyDocument],
        options: JobOptions | None = None,
        *,
        media_type: str | None = None,
        key: str | None = None,
        on_progress: OnBytes | None = None,
        timeout: float | None = None,
    ) -> Job:
        """Send a corpus; return its job, which is on the service's disk then.

        corpus: the path of a `.jsonl`, `.csv`, `.tsv` or `.txt` file, with `.gz` or `.zst` as it is, which the service
            reads; or documents, which go through a temporary file. Memory is a few of them.
        media_type: of a file whose name does not say it.
        key: the Idempotency-Key, a new one where it is None. The corpus may be sent several times; with one key it is
            one job.
        on_progress: called with the bytes that are sent so far and of all; from 0 again when it is sent again.
        timeout: seconds for the whole call, an hour where it is None.

        Raises: ScorepoolError; ValueError for a file of another kind; OSError.
        """
        with _opened(corpus, media_type) as upload:
            upload.on_progress = on_progress
            key = key or uuid.uuid4().hex
            return self._runner.run(self._calls.submit(upload, options or JobOptions(), key, timeout))

    def get(self, job: str, *, timeout: float | None = None) -> Job:
        """Return what is known of a job, by its id. Raises: ScorepoolError."""
        return self._runner.run(self._calls.get(job, timeout))

    def list(self, *, timeout: float | None = None) -> Iterator[Job]:
        """Yield the jobs of the token's subject, newest first; timeout: of each page. Raises: ScorepoolError."""
        return self._runner.iterate(self._calls.list(timeout))

    def watch(self, job: str) -> Iterator[Job]:
        """Yield a job at once and whenever it has changed, until it has ended.

        It goes on over lost connections and restarts of the service, which may be away for five minutes.

        Raises: ScorepoolError.
        """
        return self._runner.iterate(self._calls.watch(job))

    def wait(self, job: str) -> Job:
        """Return a job when it has ended; `raise_for_failure` is for how. Raises: ScorepoolError."""
        *_, last = self.watch(job)
        return last

    def documents(self, job: str, grouping: Grouping | None = None) -> Iterator[DocumentScore]:
        """Yield the scores of a job that is done, in the corpus's order, as they come.

        grouping: other groups of duplicates than the job's own; nothing is compared again, and making them may take
        minutes for millions of documents.

        Raises: ScorepoolError; code `not_ready` before it is done, `no_result` for groups that it keeps no pairs for.
        """
        return cast("Iterator[DocumentScore]", self._lines(job, ResultQuery("documents", grouping)))

    def pairs(self, job: str) -> Iterator[Pair]:
        """Yield the pairs that a job found, as they come. Raises: ScorepoolError."""
        return cast("Iterator[Pair]", self._lines(job, ResultQuery("pairs")))

    def download(
        self,
        job: str,
        file: BinaryIO,
        part: ResultPart = "documents",
        on_progress: OnBytes | None = None,
        *,
        grouping: Grouping | None = None,
    ) -> int:
        """Write a result to a file as it is, JSON lines or for `vectors` an `.npy`; return the bytes.

        A connection that is lost is made again, and the rest asked for. on_progress: called with the bytes so far and
        of all. grouping: as of `documents`.

        Raises: ScorepoolError; ValueError for a grouping of another part; what `file` raises.
        """
        written = 0
        for piece in self._pieces(job, ResultQuery(part, grouping)):
            file.write(piece.data)
            written += len(piece.data)
            if on_progress is not None:
                on_progress(written, piece.total)
        return written

    def cancel(self, job: str, *, timeout: float | None = None) -> None:
        """End a job, and remove it with its result. Raises: ScorepoolError."""
        self._runner.run(self._calls.cancel(job, timeout))

    def _pieces(self, job: str, asked: ResultQuery) -> Iterator[Piece]:
        return self._runner.iterate(self._calls.result(job, asked))

    def _lines(self, job: str, asked: ResultQuery) -> Iterator[DocumentScore | Pair]:
        splitter = LineSplitter(asked.part)
        for piece in self._pieces(job, asked):
            yield from splitter.feed(piece.data)
        yield from splitter.finish()


def _opened(corpus: Path | Iterable[AnyDocument], media_type: str | None) -> Upload:
    if isinstance(corpus, Path):
        return open_file(corpus, media_type)
    refuse_text(corpus)
    spool = Spool()
    try:
        for document in corpus:
            spool.add(document)
    except BaseException:
        spool.discard()
        raise
    return spool.finish()
