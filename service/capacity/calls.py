"""How long a worker takes for calls of different numbers of requests: the real handler, in processes of its own.

alone      one process works, the others wait
together   as many as there are processors work at once: caches, memory and cores with two threads are shared

Times are processor time, so that what else runs on the machine takes none of them away.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import ParamSpec, TypeVar

from scoring.progress import Progress
from service.api.outcome import Outcome
from service.capacity.costs import Requests
from service.pool.fork_server import ONE_THREAD, WARM_HEAP
from service.scheduling.scheduler import BATCH_S
from service.scorers.handler import open_documents
from service.worker import process_limits

# Calls of one number of requests, however long they take.
MIN_CALLS = 5

# Of the time for a figure: there is one for each number of requests.
TIMING_SHARE = 0.3

# Turns of both kinds, which share what else happens on the machine.
ROUNDS = 3

# Those of `PoolLimits.batch_jobs`.
_MOST_REQUESTS = 32

# Until every process has its order.
_START_S = 0.1

# A measurement that waits longer than this for another process will never end.
LIMIT_S = 300.0


P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CallCosts:
    """Calls by number of requests and the slowdown as in `Costs`, and the bytes of one answer."""

    calls: Mapping[int, tuple[float, ...]]
    slowdown: float
    answer_bytes: int


class _Worker:
    """What a measuring process has loaded, and the seconds for which it times calls."""

    def __init__(self, requests: Requests) -> None:
        self.seconds = requests.seconds * TIMING_SHARE
        self._handler = open_documents(requests.bundle, requests.limits)
        self._bodies = requests.bodies
        self._at = 0

    def call(self, requests: int) -> list[bytes]:
        """Score the next bodies in one call, and return the answers."""
        chosen = [self._bodies[(self._at + i) % len(self._bodies)] for i in range(requests)]
        self._at += requests
        outcomes = self._handler.answer_all(chosen, ["score"] * requests)
        return [_answer(outcome) for outcome in outcomes]


def _answer(outcome: Outcome | Exception) -> bytes:
    if isinstance(outcome, Exception):
        raise outcome
    if outcome.code != "ok":
        raise ValueError(f"{outcome.code}: {outcome.body.decode()}")
    return outcome.body


# Set once in each measuring process, by its initializer.
_loaded: list[_Worker] = []


def _load(parent: int, requests: Requests) -> None:
    process_limits.die_with(parent)
    _loaded.append(_Worker(requests))
    process_limits.lower_priority()


def _warm_up() -> int:
    """Score every body of the first calls, and return the bytes of one answer."""
    answers = [_loaded[0].call(1)[0] for _ in range(MIN_CALLS)]
    return sum(map(len, answers)) // len(answers)


def _time_calls(requests: int, begin: float) -> list[float]:
    """Return the processor time of calls of so many requests, from the moment `begin` of the monotonic clock on."""
    time.sleep(max(0.0, begin - time.monotonic()))
    timings: list[float] = []
    while len(timings) < MIN_CALLS or time.monotonic() < begin + _loaded[0].seconds:
        since = time.process_time()
        _loaded[0].call(requests)
        timings.append(time.process_time() - since)
    return timings


def measure_calls(sample: Requests, cpus: int, report: Progress) -> CallCosts:
    """Measure calls of 1, 2, 4 … requests, as far as the scheduler would make calls of so many.

    Raises: ValueError with the worker's problem, where it refuses the bodies.
    """
    os.environ.update(ONE_THREAD | WARM_HEAP)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max(1, cpus), context, _load, (os.getpid(), sample)) as pool:
        answer_bytes = _together(pool, cpus, _warm_up)[0]
        calls: dict[int, tuple[float, ...]] = {}
        requests = 1
        while requests <= _MOST_REQUESTS:
            calls[requests] = tuple(pool.submit(_time_calls, requests, time.monotonic()).result(LIMIT_S))
            report("time calls", len(calls), _MOST_REQUESTS.bit_length())
            # The scheduler takes no more into one call, and learns from what they take.
            if median(calls[requests]) > 2 * BATCH_S:
                break
            requests *= 2
        report("time calls", 1, 1)
        return CallCosts(calls, _slowdown(pool, cpus), answer_bytes)


def _slowdown(pool: ProcessPoolExecutor, cpus: int) -> float:
    """Return how many times as long calls take when every processor is busy."""
    if cpus < 2:
        return 1.0
    alone: list[float] = []
    together: list[float] = []
    for _ in range(ROUNDS):
        alone += pool.submit(_time_calls, 1, time.monotonic()).result(LIMIT_S)
        begin = time.monotonic() + _START_S
        for timings in _together(pool, cpus, _time_calls, 1, begin):
            together += timings
    return max(1.0, median(together) / median(alone))


def _together(
    pool: ProcessPoolExecutor, cpus: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> list[T]:
    """Have every process of the pool do the same at once, and return what each returns."""
    futures = [pool.submit(function, *args, **kwargs) for _ in range(max(1, cpus))]
    return [future.result(LIMIT_S) for future in futures]
