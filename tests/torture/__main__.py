"""Runs every scenario and prints the table; the exit status is 1 when a promise was not kept."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from scoring.training.demo import build_demo, demo_documents
from tests.support.server import Server, running_server
from tests.torture.endings import drains, sudden_ends
from tests.torture.processes import Resources, resources
from tests.torture.report import Row, table
from tests.torture.scenarios import (
    CRASHES,
    EXCEPTIONS,
    HELPERS,
    MEMORY_EXCESS,
    bad_bodies,
    cancelled_requests,
    endless_calls,
    kills_at_once,
    kills_of_helpers,
    kills_while_idle,
    kills_while_starting,
    kills_while_writing,
    random_kills,
    stops,
)

# How often each scenario repeats its fault at scale 1.
MANY, SOME, FEW = 1000, 50, 20

MEMORY_BYTES = 400 * 1024 * 1024

BODIES = tuple(
    json.dumps({"documents": ["NUMBER", *demo_documents() * count]}).encode() for count in (1, 10, 60)
)


def times(number: int, scale: float) -> int:
    """Return `number` at this scale, at least 1."""
    return max(1, round(number * scale))


def faults(server: Server, scale: float, flags: Path) -> Iterator[Row]:
    """Yield the row of every scenario on one server, and at the end that of the resources that it leaked."""
    random_kills(server, BODIES, times(SOME, scale / 5))
    before = resources(server.process.pid)
    yield random_kills(server, BODIES, times(MANY, scale))
    yield kills_while_writing(server, BODIES, times(SOME, scale), flags)
    yield kills_while_starting(server, BODIES, times(SOME, scale))
    yield kills_while_idle(server, BODIES, times(SOME, scale))
    yield kills_at_once(server, BODIES, times(SOME, scale))
    for find, name in HELPERS:
        yield kills_of_helpers(server, BODIES, times(FEW, scale), find, name)
    yield endless_calls(server, BODIES, times(FEW, scale / 2))
    yield stops(server, BODIES, times(FEW, scale / 2))
    yield cancelled_requests(server, BODIES, times(SOME, scale))
    for kinds, expected in ((CRASHES, 500), (EXCEPTIONS, 500), (MEMORY_EXCESS, 500)):
        yield bad_bodies(server, BODIES, kinds * times(FEW, scale / 4), expected)
    yield leaks(server, before)


def leaks(server: Server, before: Resources) -> Row:
    """Compare the resources that the server holds with those that it held before."""
    after = resources(server.process.pid)
    row = Row("leaks over all of the above", 1, note=before.growth(after))
    row.failures += before.leaks(after)
    return row


def endings(bundle: Path, scale: float) -> Iterator[Row]:
    """Yield a row for every way in which a server ends."""
    yield drains(bundle, BODIES, times(FEW, scale / 2), stalled=False)
    yield drains(bundle, BODIES, times(FEW, scale / 4), stalled=True)
    for moment in ("starting", "idle", "working"):
        yield sudden_ends(bundle, times(FEW, scale), moment)


def torture(bundle: Path, scale: float, tell: Callable[[str], None]) -> list[Row]:
    """Run every scenario; `scale` 1 is a thousand random kills. tell: called with a line for each scenario."""
    rows = []

    def note(row: Row) -> None:
        rows.append(row)
        tell(f"{row.name}: {', '.join(row.failures) or 'kept'}")

    with (
        tempfile.TemporaryDirectory() as flags,
        running_server(bundle, worker_memory_bytes=MEMORY_BYTES) as server,
    ):
        server.journal.await_events(2, event="slot_state", state="ready")
        for row in faults(server, scale, Path(flags)):
            note(row)
    for row in endings(bundle, scale):
        note(row)
    return rows


def main() -> int:
    """Run on the given bundle, or on one that is trained for this run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is a thousand random kills")
    parser.add_argument("--bundle", type=Path)
    options = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        bundle = options.bundle or Path(folder) / "bundle"
        if options.bundle is None:
            build_demo(bundle, epochs=2)
        rows = torture(bundle, options.scale, lambda line: print(line, file=sys.stderr))
    print(table(rows))
    print(f"{time.monotonic() - begin:.0f} s")
    return 1 if any(row.failures for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
