"""What comes home of a request, from the handler to HTTP.

Handler ── Answer(code, body, facts) ──→ worker ══ arena ══→ dispatcher ── Outcome ──→ endpoint
"""

from dataclasses import dataclass
from typing import NamedTuple


class Facts(NamedTuple):
    """What the server counts about one scored request.

    stages: (name, milliseconds) of decode, embed, cluster, similarity, encode, as far as the request came.
    clusters: (cluster, documents) for each cluster that occurs.
    """

    documents: int = 0
    pairs: int = 0
    tokens: int = 0
    known: int = 0
    stages: tuple[tuple[str, float], ...] = ()
    clusters: tuple[tuple[int, int], ...] = ()


NO_FACTS = Facts()


class Answer(NamedTuple):
    """The end of one request in the worker.

    `code` is "ok" or a problem's code, `body` the answer or the problem's own part (`problems.partial`).
    """

    code: str
    body: bytes
    facts: Facts = NO_FACTS


@dataclass(frozen=True, slots=True)
class Outcome:
    """The one end of one submitted request, as the server sees it.

    code: "ok", a problem's code, or "client_closed" (499, only observers see it).
    body: the answer, or the problem's own part (`problems.partial`).
    slot: where it was last run; None when it never was.
    queue_ms, run_ms: waiting for a worker, and in the worker's hands; a retry adds to both.
    attempts: how many calls it was part of.
    retry_after: whole seconds, for what is worth asking again.
    """

    code: str
    body: bytes
    facts: Facts = NO_FACTS
    slot: int | None = None
    queue_ms: float = 0.0
    run_ms: float = 0.0
    attempts: int = 0
    retry_after: int | None = None
