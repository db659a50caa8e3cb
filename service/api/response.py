"""The shapes of what `/score` and the small endpoints answer, for OpenAPI and for tests.

Answers are not built from these types: `encoding` writes the bytes of a score.
"""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Cosine = Annotated[float, Meta(ge=-1, le=1)]
Count = Annotated[int, Meta(ge=0)]
Digest = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")]


class ModelRef(Struct, frozen=True):
    """Which model scored."""

    name: str
    digest: Digest
    dimensions: Annotated[int, Meta(ge=1)]
    clusters: Annotated[int, Meta(ge=1)]


class Neighbour(Struct, frozen=True):
    """A similar document of the same request."""

    id: str
    similarity: Annotated[Cosine, Meta(description="Cosine of the two document vectors.")]


class DocumentScore(Struct, frozen=True):
    """A document's place in the model. Without any token everything but `id` and `tokens` is null."""

    id: str
    cluster: Count | None
    distance: Annotated[float | None, Meta(description="Euclidean, to the centroid of `cluster`.")]
    margin: Annotated[float | None, Meta(description="The runner-up cluster's distance minus `distance`.")]
    outlier: Annotated[
        float | None,
        Meta(description="The share, 0 to 1, of the cluster's training documents that lie nearer."),
    ]
    tokens: Count
    known: Annotated[float | None, Meta(description="The share, 0 to 1, of tokens in the vocabulary.")]
    neighbours: Annotated[
        list[Neighbour] | UnsetType,
        Meta(description="With `neighbours`: most similar first, ties by position."),
    ] = UNSET
    vector: Annotated[list[float] | UnsetType, Meta(description="With `vectors`.")] = UNSET


class ClusterScore(Struct, frozen=True):
    """A cluster that occurs in the request."""

    id: Count
    size: Annotated[int, Meta(ge=1)]
    cohesion: Annotated[Cosine, Meta(description="Mean cosine of its documents to their mean direction.")]
    terms: Annotated[list[str], Meta(description="Words that describe the cluster in the training texts.")]


class Pair(Struct, frozen=True):
    """Two documents, `a` before `b` in the request, at least as similar as the threshold."""

    a: str
    b: str
    similarity: Cosine


class ScoreResponse(Struct, frozen=True):
    """The answer to a scored request; `documents` keeps the request's order."""

    model: ModelRef
    documents: list[DocumentScore]
    clusters: list[ClusterScore]
    pairs: Annotated[list[Pair] | UnsetType, Meta(description="With `pairs`.")] = UNSET
    truncated: Annotated[
        bool | UnsetType, Meta(description="With `pairs`: there are more than are listed.")
    ] = UNSET
    matrix: Annotated[list[list[Cosine]] | UnsetType, Meta(description="With `matrix`: every cosine.")] = (
        UNSET
    )


class ErrorItem(Struct, frozen=True):
    """One fault in the body: where, as a JSON pointer (RFC 6901), and what."""

    pointer: str
    detail: str


class ProblemDetails(Struct, frozen=True):
    """What went wrong, as RFC 9457 describes it."""

    type: str
    title: str
    status: int
    code: str
    request_id: str
    detail: str
    errors: list[ErrorItem] | UnsetType = UNSET


class Alive(Struct, frozen=True):
    """The event loop turns."""

    status: Literal["alive"]


class Ready(Struct, frozen=True):
    """Requests are welcome."""

    status: Literal["ready"]


class NotReady(Struct, frozen=True):
    """Requests would be refused now, and why."""

    status: Literal["unavailable"]
    reason: str


class Started(Struct, frozen=True):
    """The first worker was ready once."""

    status: Literal["started"]


class ModelInfo(Struct, frozen=True):
    """The model that is served."""

    name: str
    digest: Digest
    dimensions: Annotated[int, Meta(ge=1)]
    clusters: Annotated[int, Meta(ge=1)]
    pooling: Literal["mean", "sif"]


class Info(Struct, frozen=True):
    """The service, its model, and the limits of a request by the names of their settings."""

    name: str
    version: str
    model: ModelInfo
    limits: dict[str, float]


class SlotState(StrEnum):
    """Where a slot is in its life; drawn in `service.pool.slot`."""

    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    KILLING = "killing"
    DEAD = "dead"
    BACKOFF = "backoff"
    DRAINING = "draining"


class SlotStatus(Struct, frozen=True):
    """One slot: a place for a worker process."""

    slot: Count
    pid: int | None
    state: SlotState
    calls: Count
    restarts: Count
    memory_bytes: Annotated[int, Meta(ge=0, description="Private memory, as the worker said it last.")]


class QueueStatus(Struct, frozen=True):
    """What waits."""

    jobs: Count
    cost_s: Annotated[float, Meta(ge=0, description="Predicted seconds of one worker.")]
    subjects: Count


class MinuteStatus(Struct, frozen=True):
    """The last minute of `/score`; times are null where there were none."""

    requests: Count
    documents: Count
    failures: Count
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None


class LagStatus(Struct, frozen=True):
    """By how much the event loop was late in the last minute."""

    p99: float | None
    max: float | None


class Status(Struct, frozen=True):
    """What the service is doing."""

    slots: list[SlotStatus]
    queue: QueueStatus
    last_minute: MinuteStatus
    loop_lag_ms: LagStatus
