"""How much of the workers' own scoring rate comes through the pool, and what batching is worth.

    .venv/bin/python -m bench throughput

Four rates in turns: the workers scoring by themselves; the pool with clients that send one request after the
other; the pool with every request a call of its own; and Python's own process pool with as many workers, every
request a call of its own. No HTTP. Also the processor time that the server process spends on one request, all
of its threads together.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

import uvloop

from bench.documents import LARGE, MIDDLE, SMALL, Payload, bodies, corpus
from bench.places import ROOT
from bench.plain import plain_pool, plain_rate
from bench.rated import RatedHandler
from bench.results import Figure, collect, save
from service.dispatcher import Dispatcher
from service.limits import PoolLimits
from service.scheduling.job import Job

TIMEOUT_S = 60.0

SUBJECTS = 4

APART_S = 0.005


@dataclass
class Measured:
    """Requests a second of each window, and microseconds of the server process for each request."""

    own: list[float] = field(default_factory=list)
    pool: list[float] = field(default_factory=list)
    single: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    server_us: list[float] = field(default_factory=list)
    single_us: list[float] = field(default_factory=list)


async def ask(dispatcher: Dispatcher, body: bytes, subject: str = "bench") -> bytes:
    """Have one body scored."""
    deadline = time.monotonic() + TIMEOUT_S
    with dispatcher.admit(subject, len(body), deadline) as permit:
        outcome = await dispatcher.submit(permit, Job("bench", subject, body, "json", deadline))
    if outcome.code != "ok":
        raise RuntimeError(f"{outcome.code}: {outcome.body!r}")
    return outcome.body


async def own_rate(dispatcher: Dispatcher, workers: int, seconds: float) -> float:
    """Let all workers score by themselves."""
    told = []
    for _ in range(workers):
        told.append(asyncio.create_task(ask(dispatcher, b"rate %f" % seconds)))
        await asyncio.sleep(APART_S)  # or one worker would get them all in one call
    return sum(map(int, await asyncio.gather(*told))) / seconds


async def pool_rate(
    dispatcher: Dispatcher, items: Sequence[bytes], clients: int, seconds: float
) -> tuple[float, float]:
    """Return requests a second in a closed loop, and microseconds of the server process for each."""
    done = 0
    began, spent = time.monotonic(), time.process_time()
    numbers = count()

    async def client(subject: str) -> None:
        nonlocal done
        while time.monotonic() < began + seconds:
            await ask(dispatcher, items[next(numbers) % len(items)], subject)
            done += 1

    await asyncio.gather(*(client(f"subject {number % SUBJECTS}") for number in range(clients)))
    took = time.monotonic() - began
    return done / took, (time.process_time() - spent) / done * 1e6


async def measure(payload: Payload, options: argparse.Namespace) -> Measured:
    """Measure one kind of request, in turns."""
    measured = Measured()
    handlers = partial(RatedHandler, options.bundle, payload)
    capacity = PoolLimits(workers=options.workers, queue_budget_s=60)
    items = bodies(payload, corpus())
    pools = [
        Dispatcher(handlers, capacity),
        Dispatcher(handlers, PoolLimits(workers=options.workers, batch_jobs=1)),
    ]
    for pool in pools:
        await pool.start()
        while any(slot.state != "ready" for slot in pool.snapshot().slots):
            await asyncio.sleep(0.01)
        await pool_rate(pool, items, options.clients, options.seconds)
    with plain_pool(options.bundle, payload, options.workers) as plain:
        await plain_rate(plain, items, options.clients, options.seconds)
        for _ in range(options.repeats):
            measured.own.append(await own_rate(pools[0], options.workers, options.seconds))
            for pool, rates, spent in (
                (pools[0], measured.pool, measured.server_us),
                (pools[1], measured.single, measured.single_us),
            ):
                rate, server_us = await pool_rate(pool, items, options.clients, options.seconds)
                rates.append(rate)
                spent.append(server_us)
            measured.plain.append(await plain_rate(plain, items, options.clients, options.seconds))
    for pool in pools:
        await pool.drain(1.0)
    return measured


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Return the ratio of each turn: what disturbs the machine disturbs both."""
    return [first / second for first, second in zip(above, below, strict=True)]


def figures(payload: Payload, measured: Measured) -> list[Figure]:
    """Return the figures of one kind of request."""
    name = payload.name
    return [
        Figure(f"{name}/own", "requests/s", "higher", measured.own),
        Figure(f"{name}/pool", "requests/s", "higher", measured.pool),
        Figure(f"{name}/single", "requests/s", "higher", measured.single),
        Figure(f"{name}/plain process pool", "requests/s", "higher", measured.plain),
        Figure(f"{name}/pool to own", "ratio", "higher", ratios(measured.pool, measured.own)),
        Figure(f"{name}/pool to single", "ratio", "higher", ratios(measured.pool, measured.single)),
        Figure(f"{name}/pool to plain", "ratio", "higher", ratios(measured.pool, measured.plain)),
        Figure(f"{name}/server process", "µs/request", "lower", measured.server_us),
        Figure(f"{name}/server process, single", "µs/request", "lower", measured.single_us),
    ]


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=ROOT / ".local" / "demo-bundle")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each window")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    found = []
    for payload in (SMALL, MIDDLE, LARGE):
        found += figures(payload, uvloop.run(measure(payload, options)))
    for figure in found:
        print(f"{figure.name:<28} {statistics.median(figure.values):>10.2f} {figure.unit}")
    print("asked: 300/pool to own at least 0.95; 4/pool to one job a call (single, plain) at least 4")
    settings = {"workers": options.workers, "clients": options.clients, "seconds": options.seconds}
    print(save(collect("throughput", settings, found)))


if __name__ == "__main__":
    main()
