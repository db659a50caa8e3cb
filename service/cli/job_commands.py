"""What `scorepool jobs` does, by the client."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

import click
import orjson

from scorepool_client import (
    Client,
    Document,
    Grouping,
    Job,
    JobFailedError,
    JobOptions,
    ScorepoolError,
    minted_with_secret,
)
from scoring.progress import Progress
from scoring.texts.corpus import STANDARD_INPUT, format_of, read_documents
from scoring.texts.documents import Format, ReadingLimits, ReadingOptions
from scoring.texts.ids import identified
from service.cli.input_errors import InputError

# The subject of a token that is signed here.
SUBJECT = "jobs"

# What the service reads itself.
_MEDIA_TYPES: Mapping[Format, str] = {
    Format.LINES: "text/plain",
    Format.JSON_LINES: "application/x-ndjson",
    Format.CSV: "text/csv",
    Format.TSV: "text/tab-separated-values",
}

# Of the newest jobs: more lines than anyone reads.
MAX_LISTED = 10_000

# Columns of the list: an id of 24 characters, the longest state, documents up to a billion.
_ROW = "{:24}  {:9}  {:>13}  {:>4}  {}"


class FailedJobError(InputError):
    """The job has no result."""

    exit_code = 1


class RemoteJobs:
    """The jobs of a service. Every method raises InputError for what the service refuses."""

    def __init__(self, url: str, token: str | None, secret: str) -> None:
        """`token` is sent as it is; without one, `secret` signs them; without both there is none."""
        self._url = url
        try:
            signed = minted_with_secret(secret, SUBJECT, scope="jobs") if secret and not token else None
            self._client = Client(url, token or signed)
        except ValueError as error:
            raise InputError(str(error)) from error
        self._jobs = self._client.jobs

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._client.close()

    def submit(
        self,
        path: Path,
        reading: ReadingOptions,
        asked: Mapping[str, Any],
        key: str | None,
        report: Progress,
    ) -> str:
        """Send a corpus; return the id of its job. Raises: TextFault for one that is read here."""

        def tell(sent: int, total: int | None) -> None:
            report("send", sent, total or sent)

        format_ = None if path == STANDARD_INPUT or path.is_dir() else format_of(path, reading)
        with self._failures():
            if format_ is None or format_ not in _MEDIA_TYPES:
                documents = _documents(path, reading)
                return self._jobs.submit(documents, JobOptions(**asked), key=key, on_progress=tell).id
            media_type = f"{_MEDIA_TYPES[format_]}; charset={reading.encoding}"
            options = JobOptions(**asked, text_field=reading.text_field, id_field=reading.id_field)
            return self._jobs.submit(path, options, media_type=media_type, key=key, on_progress=tell).id

    def lines(self, *, as_json: bool) -> Iterator[str]:
        """Yield a line for each job, and one above them unless they are JSON."""
        with self._failures():
            jobs = list(islice(self._jobs.list(), MAX_LISTED))
        if not as_json:
            yield _ROW.format("id", "state", "documents", "done", "created")
        for job in jobs:
            yield orjson.dumps(dict(job.raw)).decode() if as_json else _row(job)

    def watch(self, name: str, report: Progress) -> str:
        """Follow a job until it has ended; return a line about it. Raises: FailedJobError."""
        paused = False
        with self._failures():
            self._require(name)
            for job in self._jobs.watch(name):
                report(f"job {name}", job.steps.done, max(job.steps.total, 1))
                if job.state == "paused" and not paused:
                    click.echo(f"job {name} is paused: {job.error}", err=True)
                paused = job.state == "paused"
            job.raise_for_failure()
        documents = "1 document" if job.documents == 1 else f"{job.documents:,} documents"
        return f"{job.id} {job.state}: {documents}"

    def _require(self, name: str) -> None:
        """Ask for a job once: a service that is not there at all is no service to wait minutes for."""
        self._jobs.get(name)

    def download(
        self,
        name: str,
        part: Literal["documents", "pairs", "vectors"],
        grouping: tuple[float, Literal["components", "complete"]] | None,
        out: BinaryIO,
        report: Progress,
    ) -> None:
        """Write a result; grouping: the threshold and the linkage of other groups of duplicates."""
        groups = None if grouping is None else Grouping(*grouping)

        def tell(read: int, total: int | None) -> None:
            report("read", read, total or read)

        with self._failures():
            self._require(name)
            self._jobs.download(name, out, part, on_progress=tell, grouping=groups)

    def cancel(self, name: str) -> None:
        """End a job and remove it."""
        with self._failures():
            self._jobs.cancel(name)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except JobFailedError as error:
            raise FailedJobError(error.detail) from error
        except ScorepoolError as error:
            raise InputError(f"{self._url}: {error}") from error


def _documents(path: Path, reading: ReadingOptions) -> Iterator[Document]:
    name = "standard input" if path == STANDARD_INPUT else str(path)
    read = identified(read_documents(path, reading), name, ReadingLimits().id_characters)
    return (Document(document.text, document.id) for document in read)


def _row(job: Job) -> str:
    done = f"{job.steps.done / job.steps.total:.0%}" if job.steps.total else "–"
    return _ROW.format(job.id, job.state, f"{job.documents:,}", done, job.created or "–")
