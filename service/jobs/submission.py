"""Takes a new job in: quotas, the upload, its reading, and the moment from which it is durable.

check ─→ receive ─→ known by its Idempotency-Key? ─→ read, in a process ─→ synced ─→ stored ─→ queued
"""

import asyncio
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass
from functools import partial
from secrets import token_hex

from scoring.errors import ScoringError
from service.api.job import JobOptions
from service.errors import Refused
from service.jobs.apart import Processes, ProcessLost
from service.jobs.engine import Base, Sizes, Work
from service.jobs.errors import StorageError
from service.jobs.limits import MAX_KEPT, MAX_OWN_UPLOADS, MAX_UPLOADS, JobLimits
from service.jobs.reading import Read, Reading, Reply, Unread
from service.jobs.record import JobRecord
from service.jobs.run import RunContext
from service.jobs.state_folder import reported, size_of, sync_tree
from service.jobs.states import State
from service.jobs.upload import Upload, too_large
from service.pool.daemon_threads import run_blocking

# How long a client is asked to wait where a place, or room, may become free at any time.
RETRY_S = 10

# And where another request is about to be answered.
KEY_RETRY_S = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What a client asks for. size: of the body, where it is announced. key: the Idempotency-Key."""

    subject: str
    options: JobOptions
    media_type: str
    content_encoding: str
    charset: str
    key: str | None
    size: int | None

    @property
    def about(self) -> bytes:
        """Everything but the body that makes two of them the same."""
        return repr((self.options, self.media_type, self.content_encoding, self.charset)).encode()


class Submission:
    """Takes new jobs in."""

    def __init__(
        self, context: RunContext, processes: Processes, limits: JobLimits, wake: Callable[[str], None]
    ) -> None:
        """`wake` is called with the subject of each new job."""
        self._registry = context.registry
        self._folder = context.folder
        self._engine = context.engine
        self._model = context.model
        self._now = context.now
        self._processes = processes
        self._limits = limits
        self._wake = wake
        # The bytes that are being received, by the names of their jobs, and the keys that are being used.
        self._uploads: dict[str, tuple[str, Upload]] = {}
        self._keys: set[tuple[str, str]] = set()

    async def submit(self, new: NewJob, pieces: AsyncIterable[bytes]) -> JobRecord:
        """Return the job that a client's upload makes, or has made before.

        Cancelling the caller leaves nothing of it. Raises: Refused, and what `pieces` raise.
        """
        self._check(new)
        await self._check_room(new)
        key = None if new.key is None else (new.subject, new.key)
        if key in self._keys:
            detail = "a request with this Idempotency-Key is being served; wait for its answer"
            raise Refused("key_in_use", detail, KEY_RETRY_S)
        name = token_hex(12)
        upload = Upload(self._folder, name, self._limits.upload_bytes)
        self._uploads[name] = (new.subject, upload)
        if key is not None:
            self._keys.add(key)
        try:
            await upload.receive(pieces, new.about)
            return self._known(new, upload) or await self._create(name, new, upload)
        except StorageError as error:
            raise _refused(error) from error
        finally:
            del self._uploads[name]
            if key is not None:
                self._keys.discard(key)
            # Not awaited: a cancelled task would not wait for it.
            run_blocking(upload.remove)

    def _check(self, new: NewJob) -> None:
        """Refuse what cannot become a job. Raises: Refused."""
        limits = self._limits
        if new.size is not None and new.size > limits.upload_bytes:
            raise too_large(limits.upload_bytes)
        own = self._registry.of(new.subject)
        if len(own) >= MAX_KEPT and self._with_key(new) is None:
            detail = (
                f"{len(own)} of your jobs are kept, at most {MAX_KEPT} may be; delete some that have ended"
            )
            raise Refused("quota_exceeded", detail, RETRY_S)
        uploads = [upload for subject, upload in self._uploads.values() if subject == new.subject]
        waiting = len(uploads) + sum(not record.state.ended for record in own)
        if waiting >= limits.jobs and self._with_key(new) is None:
            detail = f"{waiting} of your jobs have not ended, at most {limits.jobs} may; wait, or delete some"
            raise Refused("quota_exceeded", detail, RETRY_S)
        if len(uploads) >= MAX_OWN_UPLOADS:
            detail = (
                f"{len(uploads)} of your corpora are being received, at most {MAX_OWN_UPLOADS} may be; wait"
            )
            raise Refused("quota_exceeded", detail, RETRY_S)
        if len(self._uploads) >= MAX_UPLOADS:
            raise Refused("overloaded", f"{MAX_UPLOADS} corpora are being received; try again later", RETRY_S)
        held = sum(record.disk_bytes for record in own) + sum(upload.size for upload in uploads)
        if held + (new.size or 0) > limits.subject_bytes:
            detail = f"your jobs take {held} bytes of the disk, at most {limits.subject_bytes}; delete some"
            raise Refused("quota_exceeded", detail, RETRY_S)
        self._check_base(new)

    def _check_base(self, new: NewJob) -> None:
        """Refuse a job that compares with one that is not there. Raises: Refused."""
        options = new.options
        if options.against is None:
            if options.append or options.new is not None:
                raise Refused("invalid_option", "append, new: they go with against, the job to compare with")
            return
        base = self._registry.get(options.against)
        if base is None or base.subject != new.subject:
            raise Refused("invalid_option", f"against: you have no job {options.against}")
        if base.state is not State.DONE:
            detail = f"against: the job {base.id} is {base.state}; only one that is done can be compared with"
            raise Refused("invalid_option", detail)

    async def _check_room(self, new: NewJob) -> None:
        """Refuse what the disk has no room for. Raises: Refused."""
        try:
            await run_blocking(partial(self._folder.check_room, max(1, new.size or 0)))
        except StorageError as error:
            raise _refused(error) from error

    def _with_key(self, new: NewJob) -> JobRecord | None:
        own = self._registry.of(new.subject) if new.key is not None else []
        return next((record for record in own if record.key == new.key), None)

    def _known(self, new: NewJob, upload: Upload) -> JobRecord | None:
        """Return the job that was made with the same key. Raises: Refused for another body."""
        known = self._with_key(new)
        if known is not None and known.body != upload.digest:
            detail = f"this Idempotency-Key made job {known.id} of another corpus or other options; choose another key"
            raise Refused("key_reused", detail)
        return known

    async def _create(self, name: str, new: NewJob, upload: Upload) -> JobRecord:
        """Read what was received; return the job, which is durable then. Raises: Refused, StorageError."""
        folder = self._folder.job(name)
        try:
            read = await self._read(name, new, upload)
            work = await self._plan(read, new.options)
            await run_blocking(partial(sync_tree, folder))
            with reported():
                size = await run_blocking(partial(size_of, folder))
            record = JobRecord(
                id=name,
                subject=new.subject,
                options=new.options,
                created=self._now(),
                state=State.QUEUED,
                documents=read.documents,
                parts=read.parts,
                tiles_total=work.tiles,
                steps_total=work.steps,
                disk_bytes=size,
                key=new.key,
                body=upload.digest,
            )
        except BaseException:
            run_blocking(partial(self._folder.remove, name))
            raise
        # A client that leaves from here on finds its job.
        return await asyncio.shield(self._keep(record))

    async def _keep(self, record: JobRecord) -> JobRecord:
        """Have a job stored, and begin it. Raises: StorageError, and then nothing is left of it."""
        try:
            kept = await self._registry.add(record)
        except StorageError:
            run_blocking(partial(self._folder.remove, record.id))
            raise
        self._wake(kept.subject)
        return kept

    async def _read(self, name: str, new: NewJob, upload: Upload) -> Read:
        """Have the documents of a job written. Raises: Refused, StorageError."""
        limits, options = self._limits, new.options
        base = await self._base(new)
        reading = Reading(
            spool=str(upload.path),
            folder=str(self._folder.job(name)),
            media_type=new.media_type,
            content_encoding=new.content_encoding,
            charset=new.charset,
            text_field=options.text_field,
            id_field=options.id_field,
            documents=limits.documents,
            document_bytes=limits.document_bytes,
            total_bytes=limits.text_bytes,
            reserve=self._folder.reserve,
            first=base.documents,
            first_part=base.parts,
            generation=base.generation,
        )
        try:
            reply: Reply = await self._processes.run(
                "service.jobs.reading",
                reading,
                Reply,  # type: ignore[arg-type]  # a union is a type, too
            )
        except ProcessLost as lost:
            raise Refused("invalid_document", f"the corpus could not be read: {lost}") from lost
        if isinstance(reply, Unread):
            if reply.code == "storage":
                raise StorageError(reply.detail, full=reply.full)
            raise Refused(reply.code, reply.detail)
        return reply

    async def _plan(self, read: Read, options: JobOptions) -> Work:
        """Return the work of a job, as it is with the model that is served now. Raises: Refused."""
        sizes = Sizes(read.documents, read.parts, self._model().dimensions)
        try:
            return await run_blocking(partial(self._engine.plan, sizes, options))
        except (ScoringError, ValueError) as error:
            raise Refused("invalid_option", str(error)) from error

    async def _base(self, new: NewJob) -> Base:
        if new.options.against is None:
            return Base(0, 0, 0)
        folder = self._folder.job(new.options.against)
        try:
            return await run_blocking(partial(self._engine.base, folder))
        except ValueError as error:
            raise Refused("invalid_option", f"against: {error}") from error


def _refused(error: StorageError) -> Refused:
    """Return what a client is told of a disk that is full, or broken."""
    code = "insufficient_storage" if error.full else "internal_error"
    return Refused(code, f"{error}; nothing of the job is kept", RETRY_S if error.full else None)
