"""The server's memory while clients ask for answers of 12 MB and read them as they like.

    python -m bench memory --picture memory.png

Mixed traffic for ten minutes: clients on kept connections that ask for matrices of 1,000 documents, small requests,
readers of 32 KB a second, clients that leave in the middle of an answer, and others that leave before it. Each kind is
a subject of its own. The figure is by how much the server process grew over the idle server at most, against the
answers that the workers have in flight and 100 MB. What the budget for unread answers bounds is what the process
grows by.
"""

import asyncio
import json
import math
import socket
import statistics
import struct
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.harness.command_line import bundle_path, parser
from bench.harness.documents import corpus
from bench.harness.load_generator import Load, LoadProcess, score_request
from bench.harness.results import Figure, collect, save
from bench.harness.server import Server, serving, token

MB = 1_000_000

DOCUMENTS = 1_000
WORDS = 20  # of each document, so that the answer is large and the scoring is not long

# Requests of four documents, on connections of their own.
SMALL_DOCUMENTS, SMALL_CONNECTIONS, SMALL_RATE = 4, 32, 20

SLOW_BYTES_S = 32_000
LEAVE_AFTER_BYTES = 1 * MB
RESET_AFTER_S = 0.05
PAUSE_S = 1.0  # of a client that was refused, or that has left

ALLOWED_MB = 100
FLAT = 1.1

SAMPLE_S = 0.5


@dataclass
class Traffic:
    """What clients do until `end`, on the monotonic clock, and how often each kind got which status."""

    address: tuple[str, int]
    end: float
    statuses: Counter[str] = field(default_factory=Counter)
    answer_bytes: int = 0

    async def keep(self, subject: str, rate: float = math.inf) -> None:
        """Ask again and again on one connection, and read each answer at `rate` bytes a second."""
        while time.monotonic() < self.end:
            with suppress(ConnectionError), _Client(self.address) as client:
                while time.monotonic() < self.end:
                    await self._ask(client, subject, rate, math.inf)

    async def leave(self, subject: str) -> None:
        """Ask, read a part of the answer, and reset the connection."""
        while time.monotonic() < self.end:
            with suppress(ConnectionError), _Client(self.address) as client:
                await self._ask(client, subject, math.inf, LEAVE_AFTER_BYTES)
            await asyncio.sleep(PAUSE_S)

    async def reset(self, subject: str) -> None:
        """Ask, and reset the connection while a worker scores."""
        while time.monotonic() < self.end:
            with suppress(ConnectionError), _Client(self.address) as client:
                await client.send(_matrix_request(subject))
                await asyncio.sleep(RESET_AFTER_S)
            self.statuses[f"{subject} left"] += 1
            await asyncio.sleep(PAUSE_S)

    async def _ask(self, client: "_Client", subject: str, rate: float, most: float) -> None:
        await client.send(_matrix_request(subject))
        status, length = await client.head()
        self.statuses[f"{subject} {status}"] += 1
        self.answer_bytes = max(self.answer_bytes, length)
        left = min(length, most)
        while left > 0 and time.monotonic() < self.end:
            step = min(left, 1 << 18, rate * SAMPLE_S)
            left -= await client.read(int(step))
            if rate < math.inf:
                await asyncio.sleep(SAMPLE_S)
        if status != 200:
            await asyncio.sleep(PAUSE_S)


class _Client:
    """A connection that ends with a reset, as one of a client that was killed."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> "_Client":
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    async def send(self, request: bytes) -> None:
        await self._loop.sock_sendall(self._socket, request)

    async def read(self, most: int) -> int:
        """Read at most so many bytes and return how many came. Raises: ConnectionError at the end."""
        received = len(await self._loop.sock_recv(self._socket, most))
        if not received:
            raise ConnectionError("closed")
        return received

    async def head(self) -> tuple[int, int]:
        """Read to the end of a head, and no further; return the status and the length."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = await self._loop.sock_recv(self._socket, 1)
            if not piece:
                raise ConnectionError("closed")
            head += piece
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
        return int(head[9:12]), int(length)


def _matrix_request(subject: str) -> bytes:
    if subject not in _REQUESTS:
        words = " ".join(corpus()).split()
        texts = [" ".join(words[WORDS * i : WORDS * (i + 1)]) for i in range(DOCUMENTS)]
        body = json.dumps({"documents": texts, "similarity": "matrix"}).encode()
        headers = {"Authorization": f"Bearer {token(subject)}", "Content-Type": "application/json"}
        _REQUESTS[subject] = score_request(body, headers)
    return _REQUESTS[subject]


_REQUESTS: dict[str, bytes] = {}


@dataclass
class Samples:
    """Resident memory of the server and what it says that answers hold, in MB, each with seconds since the start."""

    idle: float
    moments: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)

    async def take(self, server: Server, end: float) -> None:
        """Take samples until `end`."""
        begin = time.monotonic()
        while time.monotonic() < end:
            self.moments.append(time.monotonic() - begin)
            self.resident.append(_resident(server))
            self.held.append(await asyncio.to_thread(_held, server))
            await asyncio.sleep(SAMPLE_S)

    @property
    def growth(self) -> list[float]:
        """By how much the server has grown."""
        return [resident - self.idle for resident in self.resident]

    def median_growth(self, since: float, until: float) -> float:
        """Return the median growth between two moments."""
        pairs = zip(self.moments, self.growth, strict=True)
        return statistics.median(growth for moment, growth in pairs if since <= moment <= until)


def _resident(server: Server) -> float:
    return server.resident_mib() * 2**20 / MB


def _held(server: Server) -> float:
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("scorepool_answer_bytes "))) / MB


async def run(server: Server, seconds: float) -> tuple[Traffic, Samples]:
    """Send the traffic and take the samples."""
    end = time.monotonic() + seconds
    traffic, samples = Traffic(server.address, end), Samples(_resident(server))
    kinds: tuple[tuple[int, Callable[[], Coroutine[None, None, None]]], ...] = (
        (3, lambda: traffic.keep("kept")),
        (20, lambda: traffic.keep("slow", SLOW_BYTES_S)),
        (3, lambda: traffic.leave("leaves")),
        (2, lambda: traffic.reset("resets")),
    )
    clients = [asyncio.create_task(act()) for number, act in kinds for _ in range(number)]
    await samples.take(server, end)
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    return traffic, samples


def draw(samples: Samples, allowed: float, picture: Path) -> None:
    """Draw growth, what answers hold, and what is allowed, over time."""
    from matplotlib.figure import Figure as Drawing  # noqa: PLC0415  # needed for a picture alone

    drawing = Drawing(figsize=(8, 4), layout="constrained")
    axes = drawing.subplots()
    axes.plot(
        samples.moments,
        samples.growth,
        color="tab:blue",
        label="growth of the server process over the idle one",
    )
    axes.plot(
        samples.moments,
        samples.held,
        color="tab:orange",
        linewidth=0.8,
        label="unread answers, as the server counts them",
    )
    axes.axhline(allowed, color="tab:red", linestyle="--", label="answers in flight of the workers + 100 MB")
    axes.set(xlabel="seconds", ylabel="MB", ylim=(0, None))
    axes.legend(loc="lower right")
    drawing.savefig(picture, dpi=150)


def report(traffic: Traffic, samples: Samples, allowed: float) -> list[Figure]:
    """Print the figures and return them."""
    peak = max(samples.growth)
    end = samples.moments[-1]
    # While the first half of the first minute lasts memory is being filled.
    first, last = samples.median_growth(30, 60), samples.median_growth(end - 60, end)
    flat = "flat" if peak <= FLAT * allowed and last <= FLAT * max(first, allowed) else "NOT FLAT"
    print(f"by kind and status: {dict(sorted(traffic.statuses.items()))}")
    print(f"idle server         {samples.idle:8.0f} MB")
    print(f"growth, at most     {peak:8.0f} MB of {allowed:.0f} allowed: {peak / allowed:.0%}, {flat}")
    print(f"growth, by median   {first:8.0f} MB in the first minute, {last:.0f} MB in the last")
    print(f"unread answers      {max(samples.held):8.0f} MB at most, as the server counts them")
    return [
        Figure("growth", "MB", "lower", samples.growth),
        Figure("peak", "of allowed", "lower", [peak / allowed]),
        Figure("unread answers", "MB", "lower", samples.held),
    ]


def main() -> None:
    """Measure, print, save."""
    options_parser = parser(__doc__, "bundle", "workers", "picture")
    options_parser.add_argument("--seconds", type=float, default=600, help="of traffic (600, at least 60)")
    options_parser.add_argument("--budget-mib", type=int, default=96, help="for unread answers (96)")
    options = options_parser.parse_args()
    budget = options.budget_mib * 2**20
    with serving(bundle_path(options.bundle), options.workers, answer_budget_bytes=budget) as server:
        LoadProcess(server.address, token(), Load(SMALL_DOCUMENTS, SMALL_CONNECTIONS, 3)).wait()  # warms up
        load = Load(SMALL_DOCUMENTS, SMALL_CONNECTIONS, options.seconds, SMALL_RATE)
        small = LoadProcess(server.address, token("small"), load)
        traffic, samples = asyncio.run(run(server, options.seconds))
        traffic.statuses.update(f"small {reply.status}" for reply in small.wait())
    allowed = options.workers * traffic.answer_bytes / MB + ALLOWED_MB
    found = report(traffic, samples, allowed)
    if options.picture:
        draw(samples, allowed, options.picture)
    settings = {"workers": options.workers, "seconds": options.seconds, "budget_mib": options.budget_mib}
    print(save(collect("memory", settings, found)))


if __name__ == "__main__":
    main()
