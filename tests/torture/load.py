"""A steady load over HTTP from a thread of its own, and the tally of how its requests ended."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from bench.harness.load_generator import DROPPED, UNRESOLVED, LoadGenerator, Reply, score_request
from tests.support.server import Server

# An answer later than this after the deadline of its request counts as none.
GRACE_S = 1.0

TIMEOUT_S = 10.0

# Replaced in a body by a number of its own, so that no two bodies are the same, as with real clients.
MARK = b"NUMBER"

SEED = 4


@dataclass
class Tally:
    """How requests ended: answers by status, requests without one, and by how much deadlines were missed.

    unresolved: no answer until `GRACE_S` after the deadline. dropped: the connection ended before the answer.
    """

    answers: Counter[int] = field(default_factory=Counter)
    unresolved: int = 0
    dropped: int = 0
    worst_overrun_s: float = 0.0

    @property
    def sent(self) -> int:
        """Return how many requests were sent."""
        return sum(self.answers.values()) + self.unresolved + self.dropped

    def note(self, reply: Reply, timeout_s: float) -> None:
        """Count one request whose deadline was `timeout_s` after it was sent."""
        if reply.status == UNRESOLVED:
            self.unresolved += 1
        elif reply.status == DROPPED:
            self.dropped += 1
        else:
            self.answers[reply.status] += 1
        self.worst_overrun_s = max(self.worst_overrun_s, reply.latency_ms / 1e3 - timeout_s)

    def add(self, other: "Tally") -> None:
        """Count the requests of another tally too."""
        self.answers += other.answers
        self.unresolved += other.unresolved
        self.dropped += other.dropped
        self.worst_overrun_s = max(self.worst_overrun_s, other.worst_overrun_s)

    def failed(self, *allowed: int) -> int:
        """Return how many answers were neither 200 nor `allowed`, with those that were dropped."""
        return (
            sum(self.answers.values())
            - sum(self.answers[status] for status in (200, *allowed))
            + self.dropped
        )


def send(server: Server, bodies: Iterator[bytes], clients: int, timeout_s: float, tally: Tally) -> None:
    """Send bodies in a closed loop from the calling thread, until there are no more and all have ended."""
    deadline = {"X-Request-Timeout-Ms": f"{timeout_s * 1e3:.0f}"}
    requests = (score_request(body, server.headers | deadline) for body in bodies)
    generator = LoadGenerator(server.address, timeout_s + GRACE_S, lambda reply: tally.note(reply, timeout_s))
    asyncio.run(generator.closed_loop(requests, clients))


def send_one(server: Server, body: bytes, timeout_s: float, tally: Tally) -> None:
    """Send one request on a connection of its own and count how it ended."""
    send(server, iter([body]), 1, timeout_s, tally)


class SteadyLoad:
    """Clients that each send their next request when they have their answer, until the end of the block.

    `tally` is complete after the block.
    """

    def __init__(self, server: Server, bodies: Sequence[bytes], clients: int = 6) -> None:
        self.tally = Tally()
        self._server = server
        self._bodies = bodies
        self._stopping = threading.Event()
        arguments = (server, self._made(), clients, TIMEOUT_S, self.tally)
        self._thread = threading.Thread(target=send, args=arguments)

    def __enter__(self) -> "SteadyLoad":
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the answers to the last requests."""
        self._stopping.set()
        self._thread.join()

    def _made(self) -> Iterator[bytes]:
        """Yield bodies until the end of the block, or of the server."""
        rng = random.Random(SEED)
        while not self._stopping.is_set() and self._server.process.poll() is None:
            yield rng.choice(self._bodies).replace(MARK, b"%d" % time.monotonic_ns(), 1)
