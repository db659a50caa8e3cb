"""Python's own process pool with the same scoring: what is built when nothing is built."""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from bench.documents import Payload
from bench.rated import RatedHandler


@contextmanager
def plain_pool(bundle: Path, payload: Payload, workers: int) -> Iterator[ProcessPoolExecutor]:
    """Run a process pool as its documentation shows it, the model loaded once in each worker."""
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(workers, context, _open, (bundle, payload)) as pool:
        yield pool


_opened: list[RatedHandler] = []


def _open(bundle: Path, payload: Payload) -> None:
    _opened.append(RatedHandler(bundle, payload))


def _score(body: bytes) -> bytes:
    return _opened[0](body, "json").body


async def plain_rate(
    pool: ProcessPoolExecutor, items: Sequence[bytes], clients: int, seconds: float
) -> float:
    """Return requests a second in the same closed loop through a plain process pool."""
    done = 0
    began = time.monotonic()
    numbers = count()

    async def client() -> None:
        nonlocal done
        while time.monotonic() < began + seconds:
            body = items[next(numbers) % len(items)]
            await asyncio.get_running_loop().run_in_executor(pool, _score, body)
            done += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    return done / (time.monotonic() - began)
