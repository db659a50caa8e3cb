"""How the service scales: with workers, with documents in a request, with the length of a text.

    python -m bench scaling [--seconds N]       prints three tables and writes bench/results/scaling-TIME.json

Each row is a closed loop of 16 connections against the real server, health probed beside it.
"""

import argparse
import os
import sys
from collections.abc import Iterator

from bench import catalogue, cells, documents, results
from bench.documents import Payload
from bench.preparing import prepare
from bench.record import Closed
from bench.results import Figure
from bench.start import running

DOCUMENTS = (1, 4, 16, 64, 256, 1000)
CHARACTERS = (100, 400, 1600, 6400)  # a headline, an abstract, an article, a long report

_USUAL = documents.MIDDLE


def worker_counts() -> list[int]:
    """Return powers of two up to the processors, and one step beyond, where no more is to be had."""
    processors = len(os.sched_getaffinity(0))
    return [count for count in (1, 2, 4, 8, 16, 32, 64) if count <= 2 * processors]


def scale(seconds: float) -> Iterator[tuple[str, str, int, Closed]]:
    """Yield for every row: what varies, its value, the documents of a request, and what was measured."""
    for workers in worker_counts():
        with running(catalogue.SCOREPOOL, workers=workers) as started:
            cells.closed(started, documents.SMALL, 1)
            yield "workers", str(workers), _USUAL.documents, cells.closed(started, _USUAL, seconds)
    with running(catalogue.SCOREPOOL) as started:
        cells.closed(started, documents.SMALL, 1)
        for count in DOCUMENTS:
            payload = Payload(count, max(1, min(64, 1200 // count)))
            yield "documents", f"{count:,}", count, cells.closed(started, payload, seconds)
        for characters in CHARACTERS:
            payload = Payload(_USUAL.documents, _USUAL.distinct, characters)
            yield "characters", f"{characters:,}", payload.documents, cells.closed(started, payload, seconds)


def figures(what: str, value: str, n_docs: int, cell: Closed) -> Iterator[Figure]:
    """Yield the figures of one row."""
    name = f"{value} {what}"
    yield Figure(f"{name}: requests", "1/s", "higher", [cell.rate])
    yield Figure(f"{name}: documents", "1/s", "higher", [cell.rate * n_docs])
    yield Figure(f"{name}: p99", "ms", "lower", [cell.latency.p99_ms])
    yield Figure(f"{name}: health p99", "ms", "lower", [cell.health.p99_ms])


def main() -> int:
    """Print the tables and save the figures."""
    parser = argparse.ArgumentParser(prog="bench scaling", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=3, help="of each row (3)")
    seconds = parser.parse_args().seconds
    prepare()
    seen: list[Figure] = []
    previous = ""
    for what, value, n_docs, cell in scale(seconds):
        if what != previous:
            print(f"\n{what:>12}  requests/s  documents/s    p50 ms    p99 ms  health p99 ms")
            previous = what
        waits = f"{cell.latency.p50_ms:>10.1f}{cell.latency.p99_ms:>10.1f}{cell.health.p99_ms:>15.1f}"
        print(f"{value:>12}{cell.rate:>12,.1f}{cell.rate * n_docs:>13,.0f}{waits}", flush=True)
        seen += figures(what, value, n_docs, cell)
    print(f"\n{results.save(results.collect('scaling', {'seconds': seconds}, seen))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
