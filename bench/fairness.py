"""A light subject beside one that sends all it can: how long the light one waits.

    .venv/bin/python -m bench fairness --picture fairness.png

The light subject sends 4 documents ten times a second. First alone, then beside a subject with 32 connections
that each send 300 documents one after the other. Promise: its 99th percentile grows by no more than the time
of one of the other's calls.
"""

import argparse
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.flood import Flooding, Settings
from bench.health import quantile
from bench.places import ROOT
from bench.results import Figure, collect, save
from bench.scorepool import Running, scorepool

LIGHT = Settings(documents=4, connections=20, seconds=30, rate=10, niceness=0)
HEAVY = Settings(documents=300, connections=32, seconds=36)


def light(running: Running) -> list[float]:
    """Return the latencies of the light subject in milliseconds, all answered."""
    replies = Flooding(running.address, running.token("light"), LIGHT).wait()
    if any(reply.status != 200 for reply in replies):
        raise RuntimeError(f"the light subject was refused: {sorted({reply.status for reply in replies})}")
    return [reply.latency_ms for reply in replies]


def call_ms(running: Running) -> list[float]:
    """Return the times of the heavy subject's calls when all workers are busy with them."""
    settings = Settings(documents=HEAVY.documents, connections=2, seconds=5)
    replies = Flooding(running.address, running.token("heavy"), settings).wait()
    return [reply.latency_ms for reply in replies]


def draw(sides: Mapping[str, Sequence[float]], picture: Path) -> None:
    """Draw what share of the light subject's requests took longer than each time."""
    from matplotlib.figure import Figure as Drawing  # noqa: PLC0415  # only who wants a picture needs it

    drawing = Drawing(figsize=(7, 4), layout="constrained")
    axes = drawing.subplots()
    for name, values in sides.items():
        ordered = sorted(values)
        axes.plot(ordered, [1 - position / len(ordered) for position in range(len(ordered))], label=name)
    axes.set(
        xscale="log", yscale="log", xlabel="milliseconds", ylabel="share of light requests that took longer"
    )
    axes.legend()
    drawing.savefig(picture, dpi=150)


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=ROOT / ".local" / "demo-bundle")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    with scorepool(options.bundle, options.workers) as running:
        sides = {"alone": light(running)}
        calls = call_ms(running)
        heavy = Flooding(running.address, running.token("heavy"), HEAVY)
        time.sleep(3)  # its queue is full then
        sides["beside"] = light(running)
        served = sum(reply.status == 200 for reply in heavy.wait())
    for name, values in sides.items():
        print(f"{name:<8} p50 {statistics.median(values):7.1f}  p99 {quantile(values, 0.99):7.1f} ms")
    grown = quantile(sides["beside"], 0.99) - quantile(sides["alone"], 0.99)
    one_call = f"{statistics.median(calls):.1f} ms (p50), {quantile(calls, 0.99):.1f} ms (p99)"
    print(f"grown by {grown:.1f} ms; asked: at most one heavy call, {one_call}; {served} of those served")
    if options.picture:
        draw(sides, options.picture)
    found = [Figure(f"light, {name}", "ms", "lower", list(values)) for name, values in sides.items()]
    found.append(Figure("heavy call", "ms", "lower", calls))
    print(save(collect("fairness", {"workers": options.workers}, found)))


if __name__ == "__main__":
    main()
