"""How much of the workers' own scoring rate the pool keeps, and what batching is worth.

    python -m bench throughput

Four rates, measured in turns and without HTTP:

    own       each worker scores by itself, without the pool
    pool      clients that send their next request when they have their answer; the pool batches
    single    the same with one request a call
    plain     Python's own ProcessPoolExecutor with as many workers, one request a call

Also printed: the processor time of the server process for one request, all of its threads together.
"""

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

import uvloop

from bench.harness.command_line import bundle_path, parser
from bench.harness.documents import LARGE, MIDDLE, SMALL, Payload, bodies, corpus
from bench.harness.results import Figure, collect, save
from scoring.bundle.files import opened_files
from service.api.outcome import Outcome
from service.api.request import Operation
from service.dispatcher import Dispatcher
from service.limits import PoolLimits, RequestLimits
from service.release import known_model
from service.scheduling.job import Job
from service.scheduling.prediction import DocumentPredictor
from service.scorers.handler import open_documents
from service.worker.main import Buffer

TIMEOUT_S = 60.0

SUBJECTS = 4

# Between the orders to score: closer together, one worker would get all of them in one call.
APART_S = 0.005

_RATE = b"rate "


class RatedHandler:
    """A worker's handler that scores, and on a body `rate SECONDS` scores by itself for that long.

    It then answers with the number of requests that it scored.
    """

    def __init__(self, bundle: Path, payload: Payload) -> None:
        self._scoring = open_documents(bundle, RequestLimits())
        self._bodies = bodies(payload, corpus())
        self.digest = self._scoring.digest

    def __call__(self, body: Buffer, operation: Operation) -> Outcome:
        """Answer one request."""
        if bytes(body[: len(_RATE)]) != _RATE:
            return self._scoring(body, operation)
        return Outcome("ok", b"%d" % self._scored_within(float(bytes(body[len(_RATE) :]))))

    def answer_all(
        self, items: Sequence[Buffer], operations: Sequence[Operation]
    ) -> list[Outcome | Exception]:
        """Answer several requests together; none of them is an order to score by itself."""
        return self._scoring.answer_all(items, operations)

    def _scored_within(self, seconds: float) -> int:
        done = 0
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self._scoring(self._bodies[done % len(self._bodies)], "score")
            done += 1
        return done


# What a worker process of the plain pool has loaded.
_loaded: list[RatedHandler] = []


def _load(bundle: Path, payload: Payload) -> None:
    _loaded.append(RatedHandler(bundle, payload))


def _score(body: bytes) -> bytes:
    return _loaded[0](body, "score").body


@contextmanager
def plain_pool(bundle: Path, payload: Payload, workers: int) -> Iterator[ProcessPoolExecutor]:
    """Run a process pool as Python's documentation shows it, with the model loaded once in each worker."""
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(workers, context, _load, (bundle, payload)) as pool:
        yield pool


async def ask(dispatcher: Dispatcher, body: bytes, subject: str = "bench") -> bytes:
    """Return the answer to one body. Raises: RuntimeError when it is not scored."""
    deadline = time.monotonic() + TIMEOUT_S
    with dispatcher.admit(subject, len(body), deadline) as permit:
        outcome = await dispatcher.submit(permit, Job("bench", subject, body, "score", deadline))
    if outcome.code != "ok":
        raise RuntimeError(f"{outcome.code}: {outcome.body!r}")
    return outcome.body


async def await_ready(dispatcher: Dispatcher) -> None:
    """Wait until every worker is ready."""
    while any(slot.state != "ready" for slot in dispatcher.snapshot().slots):
        await asyncio.sleep(0.01)


async def own_rate(dispatcher: Dispatcher, workers: int, seconds: float) -> float:
    """Return requests a second of all workers while each scores by itself."""
    orders = []
    for _ in range(workers):
        orders.append(asyncio.create_task(ask(dispatcher, _RATE + b"%f" % seconds)))
        await asyncio.sleep(APART_S)
    return sum(map(int, await asyncio.gather(*orders))) / seconds


@dataclass
class ClosedLoop:
    """So many clients, each of which sends its next request when it has its answer."""

    items: Sequence[bytes]
    clients: int
    seconds: float

    async def rate(self, send: Callable[[bytes, str], Awaitable[object]]) -> tuple[float, float]:
        """Return requests a second, and microseconds of this process's processor time for each.

        send: has one body of one subject scored.
        """
        done = 0
        began, spent = time.monotonic(), time.process_time()
        numbers = count()

        async def client(subject: str) -> None:
            nonlocal done
            while time.monotonic() < began + self.seconds:
                await send(self.items[next(numbers) % len(self.items)], subject)
                done += 1

        await asyncio.gather(*(client(f"subject {number % SUBJECTS}") for number in range(self.clients)))
        took = time.monotonic() - began
        return done / took, (time.process_time() - spent) / done * 1e6


@dataclass
class Rates:
    """Requests a second in each turn, and microseconds of the server process for each request."""

    own: list[float] = field(default_factory=list)
    pool: list[float] = field(default_factory=list)
    single: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    pool_us: list[float] = field(default_factory=list)
    single_us: list[float] = field(default_factory=list)

    def note(self, name: str, measured: tuple[float, float]) -> None:
        """Add what a closed loop measured in one turn."""
        getattr(self, name).append(measured[0])
        getattr(self, f"{name}_us").append(measured[1])


async def measure(payload: Payload, bundle: Path, options: argparse.Namespace) -> Rates:
    """Measure one kind of request."""
    rates = Rates()
    loop = ClosedLoop(bodies(payload, corpus()), options.clients, options.seconds)
    handlers = partial(RatedHandler, bundle, payload)
    batching_limits = PoolLimits(workers=options.workers, queue_budget_s=60)
    single_limits = PoolLimits(workers=options.workers, batch_jobs=1)
    with opened_files(bundle) as files:
        model = known_model(files)
    batching, single = (
        Dispatcher(handlers, limits, predictor=DocumentPredictor(limits.max_documents, model, Random(1)))
        for limits in (batching_limits, single_limits)
    )

    def through_plain(body: bytes, subject: str) -> Awaitable[bytes]:
        return asyncio.get_running_loop().run_in_executor(plain, _score, body)

    for dispatcher in (batching, single):
        await dispatcher.start()
        await await_ready(dispatcher)
        await loop.rate(partial(ask, dispatcher))  # warms up
    with plain_pool(bundle, payload, options.workers) as plain:
        await loop.rate(through_plain)
        for _ in range(options.repeats):
            rates.own.append(await own_rate(batching, options.workers, options.seconds))
            rates.note("pool", await loop.rate(partial(ask, batching)))
            rates.note("single", await loop.rate(partial(ask, single)))
            rates.plain.append((await loop.rate(through_plain))[0])
    for dispatcher in (batching, single):
        await dispatcher.drain(1.0)
    return rates


def figures(payload: Payload, rates: Rates) -> Iterator[Figure]:
    """Yield the figures of one kind of request; ratios are of the same turn."""
    name = payload.name
    for side in ("own", "pool", "single", "plain"):
        yield Figure(f"{name}/{side}", "requests/s", "higher", getattr(rates, side))
    for side in ("own", "single", "plain"):
        turns = zip(rates.pool, getattr(rates, side), strict=True)
        yield Figure(f"{name}/pool to {side}", "ratio", "higher", [pool / other for pool, other in turns])
    yield Figure(f"{name}/server process", "µs/request", "lower", rates.pool_us)
    yield Figure(f"{name}/server process, single", "µs/request", "lower", rates.single_us)


def main() -> None:
    """Measure, print, save."""
    options_parser = parser(__doc__, "bundle", "workers")
    options_parser.add_argument("--clients", type=int, default=32)
    options_parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement (1)")
    options_parser.add_argument("--repeats", type=int, default=9)
    options = options_parser.parse_args()
    bundle = bundle_path(options.bundle)
    found: list[Figure] = []
    for payload in (SMALL, MIDDLE, LARGE):
        found += figures(payload, uvloop.run(measure(payload, bundle, options)))
    for figure in found:
        print(f"{figure.name:<28} {figure.median:>10.2f} {figure.unit}")
    print("promised: 300/pool to own at least 0.95; 4/pool to single and to plain at least 4")
    settings = {"workers": options.workers, "clients": options.clients, "seconds": options.seconds}
    print(save(collect("throughput", settings, found)))
