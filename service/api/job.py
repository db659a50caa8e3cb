"""What clients say and are told of jobs: the options of a new one, and its description."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from service.api.request import MAX_NEIGHBOURS

JOBS_ROUTE = "/jobs"
JOB_ROUTE = "/jobs/{id}"
JOB_EVENTS_ROUTE = "/jobs/{id}/events"
JOB_RESULT_ROUTE = "/jobs/{id}/result"

JOB_ROUTES = (JOBS_ROUTE, JOB_ROUTE, JOB_EVENTS_ROUTE, JOB_RESULT_ROUTE)

# The media types of a corpus, and what it may be compressed with.
CORPUS_TYPES = ("application/x-ndjson", "text/csv", "text/tab-separated-values", "text/plain")
CORPUS_ENCODINGS = ("identity", "gzip", "zstd")

# Jobs on a page of the list.
MAX_PAGE = 1_000

Count = Annotated[int, Meta(ge=0)]
Cosine = Annotated[float, Meta(ge=-1, le=1)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]


class JobOptions(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The query of `POST /jobs`: what is computed, and where in the corpus the texts are."""

    similarity: Annotated[
        Literal["neighbours", "pairs", "none"],
        Meta(description="The nearest documents of each, all pairs from a threshold on, or neither."),
    ] = "neighbours"
    neighbours: Annotated[int, Meta(ge=1, le=MAX_NEIGHBOURS, description="Of each document.")] = 5
    threshold: Annotated[Cosine, Meta(description="The least cosine of a pair.")] = 0.8
    vectors: Annotated[
        bool, Meta(description="Put `vector` into each line; as `application/x-npy` they are there anyway.")
    ] = False
    duplicates: Annotated[
        Cosine | None, Meta(description="Group documents whose cosine is at least this.")
    ] = None
    linkage: Annotated[
        Literal["components", "complete"],
        Meta(
            description="`components`: groups are connected components, which chain: with A like B, and B like C, all "
            "three are one group. `complete`: every two of a group are duplicates."
        ),
    ] = "components"
    against: Annotated[
        Name | None,
        Meta(description="The id of a finished job: its documents are what these are compared with."),
    ] = None
    append: Annotated[
        bool, Meta(description="With `against`: the result is of its documents and these, as one corpus.")
    ] = False
    new: Annotated[
        Cosine | None,
        Meta(description="With `against`: mark documents less similar than this to all of its."),
    ] = None
    text_field: Annotated[Name, Meta(description="The member or column with the text.")] = "text"
    id_field: Annotated[
        Name | None, Meta(description="The member or column with the id; `id` where there is one.")
    ] = None


class Tiles(Struct, frozen=True):
    """How many pieces of the comparison are done, of all."""

    done: Count
    total: Count


class Findings(Struct, frozen=True):
    """What was found in all; null where it was not asked for.

    pairs: how many there are of at least the threshold; the most similar, of at least `pairs_kept_from`, are in the
    result. groups: of two documents and more. duplicates: documents in them beside their representatives. new:
    documents that are like none of the job that they were compared with.
    """

    documents: Count
    pairs: Count | None = None
    pairs_kept: Count | None = None
    pairs_kept_from: float | None = None
    groups: Count | None = None
    duplicates: Count | None = None
    new: Count | None = None


class Job(Struct, frozen=True):
    """A job. Times are RFC 3339; `eta_s` is null while it is not known."""

    id: str
    state: Literal["uploading", "queued", "running", "paused", "done", "failed", "cancelled"]
    documents: Count
    tiles: Tiles
    steps: Annotated[Tiles, Meta(description="All pieces of work, tiles among them.")]
    stage: Annotated[str | None, Meta(description="What is being done: embed, tiles, merge, ….")]
    created: str
    started: str | None
    ended: str | None
    expires: Annotated[str | None, Meta(description="When it is removed with its result, once it has ended.")]
    rate: Annotated[float | None, Meta(description="Pieces of work a second, since the server took it up.")]
    eta_s: float | None
    error: Annotated[str | None, Meta(description="Why it has failed, or why it is paused.")]
    model: Annotated[str | None, Meta(description="The digest of the model that scores it.")]
    begun: Annotated[int, Meta(ge=0, description="How often it was begun: anew when the model changes.")]
    bytes: Annotated[int, Meta(ge=0, description="What it takes of the disk.")]
    found: Annotated[Findings | None, Meta(description="Once it is done.")]
    options: JobOptions


class JobList(Struct, frozen=True):
    """Jobs, the newest first; `after` is the parameter of the next page, null on the last."""

    jobs: list[Job]
    after: str | None


class Page(Struct, frozen=True, forbid_unknown_fields=True):
    """The query of `GET /jobs`."""

    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 100
    after: Name | None = None


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a result: which part of it, and which groups of duplicates."""

    part: Annotated[
        Literal["documents", "pairs"], Meta(description="A line a document, or a line a pair that is kept.")
    ] = "documents"
    duplicates: Annotated[
        Cosine | None, Meta(description="Groups by another threshold, from the pairs that are kept.")
    ] = None
    linkage: Literal["components", "complete"] = "components"
