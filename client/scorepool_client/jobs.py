"""Jobs of the service: what is asked of one, what is told of one, and their decoding."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from urllib.parse import urlencode

from scorepool_client.errors import Problem, ScorepoolError
from scorepool_client.results import invalid_answer

JobState = Literal["uploading", "queued", "running", "paused", "done", "failed", "cancelled"]

FINAL_STATES = frozenset({"done", "failed", "cancelled"})

ResultPart = Literal["documents", "pairs", "vectors"]

Linkage = Literal["components", "complete"]


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What is asked of a job; None is the service's default.

    similarity: `neighbours` of each document, `pairs` from `threshold` on, or `none`. vectors: keep them.
    duplicates: group documents whose cosine is at least this; linkage: `components`, which chain, or `complete`.
    against: a finished job's id, whose documents these are compared with; append: the result is of both as one corpus;
    new: mark documents less similar than this to all of that job's.
    text_field, id_field: the members or columns of text and id.
    """

    similarity: Literal["neighbours", "pairs", "none"] | None = None
    neighbours: int | None = None
    threshold: float | None = None
    vectors: bool | None = None
    duplicates: float | None = None
    linkage: Linkage | None = None
    against: str | None = None
    append: bool | None = None
    new: float | None = None
    text_field: str | None = None
    id_field: str | None = None

    @property
    def query(self) -> str:
        """Return the query of `POST /jobs`, with `?`, empty without options."""
        return write_query({name: getattr(self, name) for name in self.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class Grouping:
    """Other groups of duplicates of a job that is done, made from the pairs that it keeps.

    duplicates: the least cosine, not less than that of the kept pairs; linkage: as in `JobOptions`.
    """

    duplicates: float
    linkage: Linkage = "components"


@dataclass(frozen=True, slots=True)
class ResultQuery:
    """Which part of a result; of documents also by which groups of duplicates, None: by those that the job made."""

    part: ResultPart = "documents"
    grouping: Grouping | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for groups of what has none."""
        if self.grouping is not None and self.part != "documents":
            raise ValueError(f"grouping: {self.part} have no groups; leave it out, or ask for documents")

    @property
    def query(self) -> str:
        """Return the query of `GET /jobs/{id}/result`, with `?`, empty where it says nothing."""
        grouping = self.grouping
        return write_query(
            {
                "part": "pairs" if self.part == "pairs" else None,
                "duplicates": None if grouping is None else grouping.duplicates,
                "linkage": None if grouping is None else grouping.linkage,
            }
        )


def write_query(members: Mapping[str, object]) -> str:
    """Return a query with `?` of the members that are not None, empty without any."""
    said = {name: _written(value) for name, value in members.items() if value is not None}
    return "?" + urlencode(said) if said else ""


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Tiles(NamedTuple):
    """Pieces of work, done and of all."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job at a moment.

    documents: of its corpus. stage, steps: what is being done, and how much of all its work is; tiles: of the
    comparison alone. created: RFC 3339. eta_s: the seconds that are left, None where they are not known.
    error: why it failed or is paused. raw: all that the service says.
    """

    id: str
    state: JobState
    documents: int
    tiles: Tiles
    steps: Tiles
    stage: str | None
    created: str | None
    eta_s: float | None
    error: str | None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_final(self) -> bool:
        """Whether it has ended: done, failed or cancelled."""
        return self.state in FINAL_STATES

    def raise_for_failure(self) -> "Job":
        """Return itself, unless it failed or was cancelled. Raises: JobFailedError."""
        if self.state in {"failed", "cancelled"}:
            raise JobFailedError(self)
        return self


class JobFailedError(ScorepoolError):
    """The job has no result, because it failed or was cancelled; `job` says why."""

    def __init__(self, job: Job) -> None:
        detail = f"the job {job.id} was {job.state}" + (f": {job.error}" if job.error else "")
        super().__init__(Problem(f"job_{job.state}", "The job has no result", detail))
        self.args = (job,)
        self.job = job


def read_job(body: bytes | str, request_id: str = "", attempts: int = 0) -> Job:
    """Decode a job. Raises: InvalidAnswerError."""
    try:
        return _job(json.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise invalid_answer(f"not a job: {error!r}", request_id, attempts) from error


def read_page(body: bytes, request_id: str, attempts: int) -> tuple[list[Job], str | None]:
    """Decode a page of jobs, and the id that the next one follows. Raises: InvalidAnswerError."""
    try:
        raw = json.loads(body)
        return [_job(job) for job in raw["jobs"]], raw.get("after")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise invalid_answer(f"not a list of jobs: {error!r}", request_id, attempts) from error


def _job(raw: Mapping[str, Any]) -> Job:
    tiles = _tiles(raw.get("tiles"))
    return Job(
        id=raw["id"],
        state=raw["state"],
        documents=raw.get("documents") or 0,
        tiles=tiles,
        steps=_tiles(raw.get("steps")) if raw.get("steps") else tiles,
        stage=raw.get("stage"),
        created=raw.get("created"),
        eta_s=raw.get("eta_s"),
        error=raw.get("error"),
        raw=raw,
    )


def _tiles(raw: Mapping[str, Any] | None) -> Tiles:
    return Tiles(raw.get("done") or 0, raw.get("total") or 0) if raw else Tiles(0, 0)
