"""What bytes cost between the server and a worker: a round trip through the arena, for each MB.

    .venv/bin/python -m bench transport

The handler gives back an answer of the same size without looking at the body, so all that is left is the
process
line: the copy into the arena, the call, the copy of the answer into the arena and out of it. Beside it a
memcpy of as many bytes in this process, the floor for each of the three copies.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence
from functools import partial

import uvloop

from bench.loopback import LoopbackHandler
from bench.results import Figure, collect, save
from bench.throughput import ask
from service.dispatcher import Dispatcher
from service.limits import MIB, PoolLimits

SIZES = (1, 100_000, 1_000_000, 4_000_000, 8_000_000)


async def round_trips(dispatcher: Dispatcher, size: int, repeats: int) -> list[float]:
    """Return the seconds of each round trip of `size` bytes, after a few to warm the pages."""
    body = bytes(size)
    took = []
    for _ in range(repeats + 3):
        begin = time.perf_counter()
        answer = await ask(dispatcher, body)
        took.append(time.perf_counter() - begin)
        assert len(answer) == size
    return took[3:]


def copies(size: int, repeats: int) -> list[float]:
    """Return the seconds of copying `size` bytes, each time into the same place."""
    source, target = bytes(size), bytearray(size)
    took = []
    for _ in range(repeats):
        begin = time.perf_counter()
        target[:] = source
        took.append(time.perf_counter() - begin)
    return took


async def measure(sizes: Sequence[int], repeats: int) -> list[Figure]:
    """Measure all sizes on one worker."""
    dispatcher = Dispatcher(partial(LoopbackHandler), PoolLimits(workers=1, max_body_bytes=8 * MIB))
    await dispatcher.start()
    while dispatcher.readiness is not None:
        await asyncio.sleep(0.01)
    found = []
    for size in sizes:
        trips = [seconds * 1e3 for seconds in await round_trips(dispatcher, size, repeats)]
        found.append(Figure(f"{size}/round trip", "ms", "lower", trips))
        if size >= 1_000_000:
            found.append(Figure(f"{size}/per MB", "ms/MB", "lower", [trip / size * 1e6 for trip in trips]))
        found.append(Figure(f"{size}/memcpy", "ms", "lower", [took * 1e3 for took in copies(size, repeats)]))
    await dispatcher.drain(1.0)
    return found


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=50)
    options = parser.parse_args()
    found = uvloop.run(measure(SIZES, options.repeats))
    for figure in found:
        print(f"{figure.name:<20} {statistics.median(figure.values):>8.3f} {figure.unit}")
    print("asked: at most 1 ms/MB")
    print(save(collect("transport", {"repeats": options.repeats}, found)))


if __name__ == "__main__":
    main()
