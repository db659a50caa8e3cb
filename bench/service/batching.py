"""What sharing a call is worth to a scorer of which the service knows nothing: it has to learn it.

    python -m bench batching [--workers N] [--clients N]

Scorers that take the same 5 ms for one request a call, each behind two pools in turns: one that batches, and one with
one request a call. Without HTTP.

    shared    5 ms a call and 0.1 ms a request: sharing pays
    hinted    the same, and its `cost` says so
    single    5 ms a request: nothing to gain, and nothing should be lost
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from functools import partial

import uvloop

from bench.harness.command_line import parser
from bench.harness.results import Figure, collect, save
from bench.service.throughput import ClosedLoop, ask, await_ready
from service.dispatcher import Dispatcher
from service.limits import PoolLimits
from service.scheduling.call_cost import SizePredictor
from service.scorers.declaration import declare
from service.scorers.description import describe
from service.scorers.handler import ScorerSource

FIXED_S = 0.005
EACH_S = 0.0001

BODIES = [b'"%s"' % (b"x" * size) for size in (10, 50, 200, 1_000)]


def _spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


class Shared:
    """Costs something for a call, whatever is in it."""

    def score(self, requests: list[str]) -> list[int]:
        _spin(FIXED_S + EACH_S * len(requests))
        return [len(request) for request in requests]


class Hinted(Shared):
    """Says what to expect."""

    @staticmethod
    def cost(size: int) -> float:
        return FIXED_S + EACH_S


class Single:
    """Costs as much for each request of a call as for one alone."""

    def score(self, requests: list[str]) -> list[int]:
        _spin(FIXED_S * len(requests))
        return [len(request) for request in requests]


SCORERS = (Shared, Hinted, Single)


def pool_of(scorer: type, workers: int, batch_jobs: int) -> Dispatcher:
    """Return a pool that serves a scorer, with at most so many jobs a call; not started."""
    reference = f"{__name__}:{scorer.__name__}"
    limits = PoolLimits(workers=workers, batch_jobs=batch_jobs, queue_budget_s=60)
    costs = describe(declare(reference)).costs
    return Dispatcher(ScorerSource(reference), limits, predictor=SizePredictor(batch_jobs, costs))


async def measure(scorer: type, options: argparse.Namespace) -> tuple[list[float], list[float]]:
    """Return requests a second with batches and without, of each turn; the first turn is not counted."""
    loop = ClosedLoop(BODIES, options.clients, options.seconds)
    pools = [pool_of(scorer, options.workers, batch_jobs) for batch_jobs in (32, 1)]
    for pool in pools:
        await pool.start()
        await await_ready(pool)
    turns = [[(await loop.rate(partial(ask, pool)))[0] for pool in pools] for _ in range(options.repeats + 1)]
    await asyncio.gather(*(pool.drain(1.0) for pool in pools))
    return [batching for batching, _ in turns[1:]], [single for _, single in turns[1:]]


def figures(options: argparse.Namespace) -> Iterator[Figure]:
    """Yield the figures of each scorer; ratios are of the same turn."""
    for scorer in SCORERS:
        batching, single = uvloop.run(measure(scorer, options))
        name = scorer.__name__.lower()
        yield Figure(f"{name}/batching", "requests/s", "higher", batching)
        yield Figure(f"{name}/one a call", "requests/s", "higher", single)
        ratios = [many / one for many, one in zip(batching, single, strict=True)]
        yield Figure(f"{name}/ratio", "ratio", "higher", ratios)


def main() -> None:
    """Measure, print, save."""
    options_parser = parser(__doc__, "workers")
    options_parser.add_argument("--clients", type=int, default=16)
    options_parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement (1)")
    options_parser.add_argument("--repeats", type=int, default=5)
    options = options_parser.parse_args()
    found = list(figures(options))
    for figure in found:
        print(f"{figure.name:<28} {figure.median:>10.2f} {figure.unit}")
    print("promised: shared/ratio at least 4")
    settings = {"workers": options.workers, "clients": options.clients, "seconds": options.seconds}
    print(save(collect("batching", settings, found)))
