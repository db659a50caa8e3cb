"""The limits that the settings put on requests, on one request to `/score`, and on the pool.

Frozen values; `service.settings` declares their defaults and bounds. Limits on connections and headers, which
are constants, are in `service.connections.limits`.
"""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB

# The largest answer, see `PoolLimits`. The event loop copies an answer in one piece, which for 64 MiB takes tens of
# milliseconds; each worker's shared memory is sized by it, too.
MAX_ANSWER_BYTES = 64 * MIB

# A worker that keeps more than this share of its memory limit between calls is replaced before a request meets it.
RECYCLE_SHARE = 0.75

# The HTTP statuses that can be chosen for a refusal for overload: the one of RFC 9110, 15.6.4, and that of RFC 6585, 4.
OVERLOAD_STATUSES = (503, 429)


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The sizes that a worker checks: `max_documents` a count, `max_document_bytes` in bytes of UTF-8."""

    max_documents: int = 1_000
    max_document_bytes: int = 256 * KIB


@dataclass(frozen=True, slots=True)
class ScoreLimits:
    """What one request to `/score` may take, and the scope that its token needs; times in seconds.

    overload_status: the HTTP status of a refusal for overload, one of `OVERLOAD_STATUSES`.
    """

    max_body_bytes: int
    request_timeout_s: float
    body_timeout_s: float
    scope: str | None
    overload_status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """The bounds of one pool. Sizes are bytes, times seconds.

    workers: slots, each one process.
    max_body_bytes: the largest request body; also sizes the arenas.
    body_budget_bytes: what all bodies that are not scored yet may hold together; at least `max_body_bytes`.
    max_documents: caps the documents that the cost of a body is estimated with.
    max_answer_bytes: a larger answer is the problem `invalid_option`. 1,000 documents with their matrix are 12 MiB,
        with 100 neighbours each and ids of 256 letters 30 MiB; with ids of 256 control characters, each six bytes of
        JSON, it would be 150 MiB.
    answer_budget_bytes: what all answers that clients have not read yet may hold together; at least `max_answer_bytes`.
    queue_budget_s: predicted wait beyond which a request is refused.
    worker_memory_bytes: private memory of one worker.
    batch_jobs: the most that share a call; 1 makes every request a call of its own.
    load_timeout_s: for a new worker until it can be called: its scorer's imports, its model and its self-test.
    worker_max_calls: a worker is replaced after so many calls; 0 for never.
    background_share: of the slots' time, for steps of durable jobs while requests wait; they have what is left anyway.
    """

    workers: int = 1
    max_body_bytes: int = 8 * MIB
    body_budget_bytes: int = 256 * MIB
    max_documents: int = 1_000
    max_answer_bytes: int = MAX_ANSWER_BYTES
    answer_budget_bytes: int = 96 * MIB
    queue_budget_s: float = 5.0
    worker_memory_bytes: int = 2048 * MIB
    batch_jobs: int = 32
    load_timeout_s: float = 60.0
    worker_max_calls: int = 0
    background_share: float = 0.0
