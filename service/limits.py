"""What the pool may use: one frozen value, made of the settings by the application."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """The bounds of one pool. Sizes are bytes, times seconds.

    workers: slots, each one process.
    max_body_bytes: the largest request body; also sizes the arenas.
    max_documents: caps the documents that the cost of a body is estimated with.
    max_answer_bytes: a larger answer is a problem. 1,000 documents with their matrix are 12 MiB.
    queue_budget_s: predicted wait beyond which a request is refused.
    worker_memory_bytes: private memory of one worker.
    batch_jobs: the most that share a call; 1 makes every request a call of its own.
    """

    workers: int = 1
    max_body_bytes: int = 8 * MIB
    max_documents: int = 1_000
    max_answer_bytes: int = 64 * MIB
    queue_budget_s: float = 5.0
    worker_memory_bytes: int = 2048 * MIB
    batch_jobs: int = 32
