"""What is known of one job: a row of the store, and what its owner is told."""

from dataclasses import dataclass
from datetime import UTC, datetime

from service.api.job import Findings, Job, JobOptions, Tiles
from service.jobs.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """One job at a moment. Times are seconds since 1970.

    number: the order of submission, 0 before it is stored. reason: why it is paused or has failed. parts: files of its
    texts. digest: of the model that it is scored with, dimensions: of its vectors, plan: the fingerprint of its stages;
    empty before it is begun. stage: the one that is worked on. tiles, steps: done and of all. begun: how often it was.
    disk_bytes: of its folder. found: once it is done. key, body: the client's Idempotency-Key and the hash of what came
    with it.
    """

    id: str
    subject: str
    options: JobOptions
    created: float
    number: int = 0
    state: State = State.UPLOADING
    reason: str = ""
    documents: int = 0
    parts: int = 0
    dimensions: int = 0
    digest: str = ""
    plan: str = ""
    stage: int = 0
    stage_name: str = ""
    tiles_done: int = 0
    tiles_total: int = 0
    steps_done: int = 0
    steps_total: int = 0
    begun: int = 0
    disk_bytes: int = 0
    started: float | None = None
    ended: float | None = None
    found: Findings | None = None
    key: str | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Pace:
    """How quickly a running job goes: steps a second since the server took it up, and the seconds that are left."""

    rate: float
    eta_s: float


def describe(record: JobRecord, retention_s: float, pace: Pace | None = None) -> Job:
    """Return what the owner of a job is told."""
    return Job(
        id=record.id,
        state=record.state.value,
        documents=record.documents,
        tiles=Tiles(record.tiles_done, record.tiles_total),
        steps=Tiles(record.steps_done, record.steps_total),
        stage=record.stage_name or None,
        created=_moment(record.created),
        started=None if record.started is None else _moment(record.started),
        ended=None if record.ended is None else _moment(record.ended),
        expires=None if record.ended is None else _moment(record.ended + retention_s),
        rate=None if pace is None else round(pace.rate, 2),
        eta_s=None if pace is None else round(pace.eta_s, 1),
        error=record.reason or None,
        model=record.digest or None,
        begun=record.begun,
        bytes=record.disk_bytes,
        found=record.found,
        options=record.options,
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
