"""The types of the answers of `/score`, `/explain` and the operations' endpoints, for OpenAPI and for tests.

The answers of the workers are not built from these types: `service.scorers.documents.encoder` writes their bytes.
"""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

Cosine = Annotated[float, Meta(ge=-1, le=1)]
Count = Annotated[int, Meta(ge=0)]
Digest = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")]


class ModelRef(Struct, frozen=True):
    """The model that scored the request."""

    name: str
    digest: Digest
    dimensions: Annotated[int, Meta(ge=1)]
    clusters: Annotated[int, Meta(ge=1)]


class Neighbour(Struct, frozen=True):
    """A similar document of the same request."""

    id: str
    similarity: Annotated[Cosine, Meta(description="Cosine of the two document vectors.")]


class DocumentScore(Struct, frozen=True):
    """The scores of one document.

    `cluster` to `outlier` are null for a text without tokens, and for one whose vector is zero, as when all its words
    are unknown and too short for the model's n-grams; `known` is null without tokens.
    """

    id: str
    cluster: Count | None
    distance: Annotated[float | None, Meta(description="Euclidean, to the centroid of `cluster`.")]
    margin: Annotated[float | None, Meta(description="The runner-up cluster's distance minus `distance`.")]
    outlier: Annotated[
        float | None,
        Meta(
            description="The share, 0 to 1, of training documents that lie nearer to the centroid or have a "
            "smaller share of unknown words."
        ),
    ]
    tokens: Count
    known: Annotated[float | None, Meta(description="The share, 0 to 1, of tokens in the vocabulary.")]
    neighbours: Annotated[
        list[Neighbour] | UnsetType,
        Meta(description="With `neighbours`: most similar first, ties by position."),
    ] = UNSET
    vector: Annotated[list[float] | UnsetType, Meta(description="With `vectors`.")] = UNSET


class ClusterScore(Struct, frozen=True):
    """A cluster to which documents of the request were assigned."""

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


class Contribution(Struct, frozen=True):
    """What all occurrences of one word in a document add to the similarity."""

    token: str
    count: Annotated[int, Meta(ge=1)]
    known: Annotated[bool, Meta(description="Whether the word is in the vocabulary.")]
    contribution: Annotated[float, Meta(description="Below zero where it makes the two less similar.")]


class DocumentContributions(Struct, frozen=True):
    """The words of one document: their contributions and the rest add up to the similarity, to 1e-5."""

    id: str
    contributions: Annotated[list[Contribution], Meta(description="The largest first, at most `top`.")]
    rest: Annotated[float, Meta(description="The sum of the contributions that are not listed.")]


class ExplainResponse(Struct, frozen=True):
    """Why two documents are similar. A text without tokens has the similarity 0 to any other."""

    model: ModelRef
    similarity: Annotated[Cosine, Meta(description="Cosine of the two document vectors.")]
    documents: Annotated[list[DocumentContributions], Meta(min_length=2, max_length=2)]


class ErrorItem(Struct, frozen=True):
    """One fault in the request's body: a JSON pointer (RFC 6901) to it, and what is wrong there."""

    pointer: str
    detail: str


class ProblemDetails(Struct, frozen=True):
    """An error, in the form of RFC 9457."""

    type: str
    title: str
    status: int
    code: str
    request_id: str
    detail: str
    errors: list[ErrorItem] | UnsetType = UNSET


class Alive(Struct, frozen=True):
    """The event loop runs."""

    status: Literal["alive"]


class Ready(Struct, frozen=True):
    """Requests are accepted."""

    status: Literal["ready"]


class NotReady(Struct, frozen=True):
    """Requests would be refused now; `reason` says why, and `detail` which file of the model is damaged."""

    status: Literal["unavailable"]
    reason: str
    detail: str | UnsetType = UNSET


class Started(Struct, frozen=True):
    """A worker has been ready at least once."""

    status: Literal["started"]


class ModelInfo(Struct, frozen=True):
    """The model that is served."""

    name: str
    digest: Digest
    dimensions: Annotated[int, Meta(ge=1)]
    clusters: Annotated[int, Meta(ge=1)]
    pooling: Literal["mean", "sif", "fasttext"]
    tokenizer: Literal["letters", "gensim", "fasttext"]


class Reloaded(Struct, frozen=True):
    """How a reload ended: what is at its path is served, which is another model than before or the same.

    The digests are null for a scorer, which workers alone know.
    """

    result: Literal["reloaded", "unchanged"]
    old_digest: Digest | None
    digest: Digest | None
    seconds: Annotated[float, Meta(ge=0)]


class ScorerInfo(Struct, frozen=True):
    """What scores; `version` is empty and `digest` missing where the scorer does not say."""

    name: str
    version: str
    digest: str | UnsetType = UNSET


class Info(Struct, frozen=True):
    """The service, its scorer, and the limits of a request under the names of their settings."""

    name: str
    version: str
    scorer: ScorerInfo
    limits: dict[str, float]
    model: Annotated[ModelInfo | UnsetType, Meta(description="Of the built-in scorer.")] = UNSET


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
    """One slot, which runs one worker process at a time."""

    slot: Count
    pid: int | None
    state: SlotState
    calls: Count
    restarts: Count
    memory_bytes: Annotated[int, Meta(ge=0, description="Private memory, as the worker reported it last.")]
    digest: Annotated[str | None, Meta(description="Of the model that its worker serves.")] = None


class QueueStatus(Struct, frozen=True):
    """The requests that wait for a worker."""

    jobs: Count
    cost_s: Annotated[float, Meta(ge=0, description="Predicted seconds of one worker.")]
    subjects: Count


class AnswersStatus(Struct, frozen=True):
    """The answers that clients have asked for and not read yet."""

    bytes: Annotated[int, Meta(ge=0, description="Of those that are not scored yet, as predicted.")]
    subjects: Count


class MinuteStatus(Struct, frozen=True):
    """The requests to `/score` and `/explain` in the last minute; the times are null when there were none."""

    requests: Count
    documents: Count
    failures: Count
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None


class LagStatus(Struct, frozen=True):
    """By how many milliseconds the event loop was late in the last minute."""

    p99: float | None
    max: float | None


class Status(Struct, frozen=True):
    """What the service is doing now."""

    slots: list[SlotStatus]
    queue: QueueStatus
    answers: AnswersStatus
    last_minute: MinuteStatus
    loop_lag_ms: LagStatus
    jobs: Annotated[
        dict[str, Count], Meta(description="How many are in each state; empty without state_dir.")
    ] = field(default_factory=dict)
