"""What bytes cost between the server and a worker: a round trip through shared memory, for each MB.

    python -m bench transport

The handler answers with as many bytes as it was given and reads none of them. What is left is the transport:
the copy into shared memory, the call, the copy of the answer into shared memory and the copy out of it. Beside
it stands a memcpy of as many bytes in this process, the floor for each of the three copies. Promised: 1 ms/MB.
"""

import time
from collections.abc import Sequence

import uvloop

from bench.harness.command_line import parser
from bench.harness.results import Figure, collect, save
from bench.service.throughput import ask, await_ready
from service.api.outcome import Outcome
from service.api.request import Operation
from service.dispatcher import Dispatcher
from service.limits import MIB, PoolLimits
from service.worker.main import Buffer

SIZES = (1, 100_000, 1_000_000, 4_000_000, 8_000_000)
WARM_UP = 3


class EchoHandler:
    """A worker's handler that answers with as many bytes as it was given, all zero."""

    digest = "sha256:echo"

    def __init__(self) -> None:
        self._answer = b""

    def __call__(self, body: Buffer, operation: Operation) -> Outcome:
        """Answer one request."""
        if len(self._answer) != len(body):
            self._answer = bytes(len(body))
        return Outcome("ok", self._answer)


async def round_trips(dispatcher: Dispatcher, size: int, repeats: int) -> list[float]:
    """Return the milliseconds of each round trip of `size` bytes, after a few that touch the pages."""
    body = bytes(size)
    took = []
    for _ in range(repeats + WARM_UP):
        begin = time.perf_counter()
        answer = await ask(dispatcher, body)
        took.append((time.perf_counter() - begin) * 1e3)
        assert len(answer) == size
    return took[WARM_UP:]


def copies(size: int, repeats: int) -> list[float]:
    """Return the milliseconds of each copy of `size` bytes, always to the same place."""
    source, target = bytes(size), bytearray(size)
    took = []
    for _ in range(repeats):
        begin = time.perf_counter()
        target[:] = source
        took.append((time.perf_counter() - begin) * 1e3)
    return took


async def measure(sizes: Sequence[int], repeats: int) -> list[Figure]:
    """Measure all sizes on one worker."""
    dispatcher = Dispatcher(EchoHandler, PoolLimits(workers=1, max_body_bytes=8 * MIB))
    await dispatcher.start()
    await await_ready(dispatcher)
    found = []
    for size in sizes:
        trips = await round_trips(dispatcher, size, repeats)
        found.append(Figure(f"{size}/round trip", "ms", "lower", trips))
        if size >= 1_000_000:
            found.append(Figure(f"{size}/per MB", "ms/MB", "lower", [trip / size * 1e6 for trip in trips]))
        found.append(Figure(f"{size}/memcpy", "ms", "lower", copies(size, repeats)))
    await dispatcher.drain(1.0)
    return found


def main() -> None:
    """Measure, print, save."""
    options_parser = parser(__doc__)
    options_parser.add_argument("--repeats", type=int, default=50)
    options = options_parser.parse_args()
    found = uvloop.run(measure(SIZES, options.repeats))
    for figure in found:
        print(f"{figure.name:<20} {figure.median:>8.3f} {figure.unit}")
    print("promised: at most 1 ms/MB")
    print(save(collect("transport", {"repeats": options.repeats}, found)))
