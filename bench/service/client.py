"""What a call by `scorepool-client` costs beside bare httpx: the time of a call, and the caller's processor time.

    python -m bench client [--calls N] [--bundle DIR]

Both sides send the same documents to the same service, in turns, one call after the other on one kept connection, and
read the answer: httpx as decoded JSON, the client as typed results. Each figure is the median of `ROUNDS` rounds. The
time of a call has the service's work in it, which is the same on both sides.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import httpx

from bench.harness.command_line import bundle_path, parser
from bench.harness.documents import corpus
from bench.harness.server import Server, secret, serving, token
from scorepool_client import AsyncClient, Client, minted_with_secret

ROUNDS = 15

SIZES = (3, 30, 300)


class Cost(NamedTuple):
    """Milliseconds of one call: on the clock, and of this thread's processor time."""

    wall: float
    cpu: float


def cost(call: Callable[[], object], calls: int) -> Cost:
    """Return what a call costs on average."""
    begin, cpu = time.perf_counter(), time.thread_time()
    for _ in range(calls):
        call()
    return Cost((time.perf_counter() - begin) * 1e3 / calls, (time.thread_time() - cpu) * 1e3 / calls)


async def cost_awaited(call: Callable[[], Awaitable[object]], calls: int) -> Cost:
    """Return what a call costs on average."""
    begin, cpu = time.perf_counter(), time.thread_time()
    for _ in range(calls):
        await call()
    return Cost((time.perf_counter() - begin) * 1e3 / calls, (time.thread_time() - cpu) * 1e3 / calls)


def median(costs: list[Cost]) -> Cost:
    """Return the median of each."""
    return Cost(*(statistics.median(figures) for figures in zip(*costs, strict=True)))


def report(name: str, bare: list[Cost], ours: list[Cost]) -> None:
    """Print one row."""
    plain, typed = median(bare), median(ours)
    ratios = f"{typed.wall / plain.wall:6.2f}× {typed.cpu / plain.cpu:6.2f}×"
    print(f"  {name:<24} {plain.wall:8.2f} {typed.wall:8.2f} {plain.cpu:8.2f} {typed.cpu:8.2f} {ratios}")


def in_threads(server: Server, texts: list[str], calls: int) -> None:
    """Measure the client for threads."""
    headers = {"Authorization": f"Bearer {token()}"}
    bare: list[Cost] = []
    ours: list[Cost] = []
    with (
        httpx.Client(base_url=server.url, headers=headers) as http,
        Client(server.url, minted_with_secret(secret(), "bench")) as client,
    ):

        def post() -> object:
            answer = http.post("/score", json={"documents": texts}, timeout=10)
            return answer.raise_for_status().json()

        def score() -> object:
            return client.score(texts)

        for _ in range(ROUNDS):
            bare.append(cost(post, calls))
            ours.append(cost(score, calls))
    report(f"threads, {len(texts)} documents", bare, ours)


async def in_tasks(server: Server, texts: list[str], calls: int) -> None:
    """Measure the client for asyncio."""
    headers = {"Authorization": f"Bearer {token()}"}
    bare: list[Cost] = []
    ours: list[Cost] = []
    async with (
        httpx.AsyncClient(base_url=server.url, headers=headers) as http,
        AsyncClient(server.url, minted_with_secret(secret(), "bench")) as client,
    ):

        async def post() -> object:
            answer = await http.post("/score", json={"documents": texts}, timeout=10)
            return answer.raise_for_status().json()

        for _ in range(ROUNDS):
            bare.append(await cost_awaited(post, calls))
            ours.append(await cost_awaited(lambda: client.score(texts), calls))
    report(f"asyncio, {len(texts)} documents", bare, ours)


def main() -> None:
    """Print the table."""
    options_parser = parser(__doc__, "bundle")
    options_parser.add_argument("--calls", type=int, default=40, help="of each side in a round (40)")
    options = options_parser.parse_args()
    texts = corpus()
    columns = "".join(f"{name:>9}" for name in ("httpx", "client", "httpx", "client", "ratio", "ratio"))
    print(f"  {'':<24}{'call, ms':>14}{'processor, ms':>22}{'call, proc.':>19}\n  {'':<24}{columns}")
    with serving(bundle_path(options.bundle), workers=1) as server:
        for size in SIZES:
            calls = max(3, options.calls * 3 // (size + 2))
            in_threads(server, texts[:size], calls)
            asyncio.run(in_tasks(server, texts[:size], calls))


if __name__ == "__main__":
    main()
