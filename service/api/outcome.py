"""How one request ended: the record that both sides of the process line share.

worker   handler ──→ Outcome(code, body, facts) ──→ arena
server   arena   ──→ Outcome(code, body, facts) ──→ dispatcher adds slot and times ──→ endpoint, observers
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


@dataclass(slots=True)
class Outcome:
    """The end of one request.

    code: "ok", a problem's code, or "client_closed" (status 499; only observers see it).
    body: the answer, or the problem's own part (`problems.partial`).
    slot: where it ran last; None when it never ran.
    queue_ms, run_ms: waiting for a worker, and running in one; a retry adds to both.
    attempts: how many calls it was part of.
    raw: whether the body is bytes of the scorer's own media type.
    """

    code: str
    body: bytes
    facts: Facts = NO_FACTS
    slot: int | None = None
    queue_ms: float = 0.0
    run_ms: float = 0.0
    attempts: int = 0
    raw: bool = False

    def take_body(self) -> bytes:
        """Return the body and forget it: logs and metrics keep the outcome, but not its megabytes."""
        body, self.body = self.body, b""
        return body


class ResultError(Exception):
    """What a scorer returned is no answer: a sentence that names the scorer, for the client, and one for the log."""

    def __init__(self, detail: str, logged: str = "") -> None:
        super().__init__(logged or detail)
        self.detail = detail
