"""Health endpoints while every core scores: how long `/livez` takes, twenty times a second.

    .venv/bin/python -m bench health --picture health.png

Requests of 300 documents from 16 connections keep all workers busy; with `--burn` as many busy loops at
ordinary priority take the cores away from the server as well. A probe's latency counts from the moment it was
due.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.flood import Flooding, Reply, Settings
from bench.places import ROOT
from bench.probe import Prober
from bench.results import Figure, collect, save
from bench.scorepool import Running, scorepool

DOCUMENTS = 300
CONNECTIONS = 16

BURN = "while True: pass"


def probe(running: Running, path: str, seconds: float) -> list[float]:
    """Return the latencies of a health endpoint in milliseconds."""
    prober = Prober(running.url + path)
    time.sleep(seconds)
    return [each.latency_ms for each in prober.stop()]


def loaded(running: Running, seconds: float, burners: int) -> tuple[list[float], list[Reply]]:
    """Return the probes' latencies, and the answers of the load beside them."""
    settings = Settings(documents=DOCUMENTS, connections=CONNECTIONS, seconds=seconds + 4)
    with ExitStack() as stack:
        for _ in range(burners):
            burner = stack.enter_context(subprocess.Popen([sys.executable, "-c", BURN]))
            stack.callback(burner.kill)
        flood = Flooding(running.address, running.token("bench"), settings)
        time.sleep(3)  # the load is in full swing then
        latencies = probe(running, "/livez", seconds)
        return latencies, flood.wait()


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which the share of all lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def draw(probes: Mapping[str, Sequence[float]], picture: Path) -> None:
    """Draw what share of the probes took longer than each time."""
    from matplotlib.figure import Figure as Drawing  # noqa: PLC0415  # only who wants a picture needs it

    drawing = Drawing(figsize=(7, 4), layout="constrained")
    axes = drawing.subplots()
    for name, values in probes.items():
        ordered = sorted(values)
        axes.plot(ordered, [1 - position / len(ordered) for position in range(len(ordered))], label=name)
    axes.axvline(25, color="grey", linestyle=":", label="promise for the 99th percentile")
    axes.set(xscale="log", yscale="log", xlabel="milliseconds", ylabel="share of probes that took longer")
    axes.legend()
    drawing.savefig(picture, dpi=150)


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=ROOT / ".local" / "demo-bundle")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--burn", type=int, default=0, metavar="N", help="busy loops beside it")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    with scorepool(options.bundle, options.workers) as running:
        probes = {"idle": probe(running, "/livez", options.seconds / 3)}
        probes["every core busy"], replies = loaded(running, options.seconds, options.burn)
    found = [Figure(f"livez, {name}", "ms", "lower", list(values)) for name, values in probes.items()]
    for name, values in probes.items():
        p99, longest = quantile(values, 0.99), max(values)
        print(f"{name:<18} p50 {statistics.median(values):6.1f}  p99 {p99:6.1f}  max {longest:6.1f} ms")
    good = sum(reply.status == 200 for reply in replies)
    print(f"beside {good} of {len(replies)} requests of {DOCUMENTS} documents answered")
    print("asked: p99 at most 25 ms, max at most 100 ms")
    if options.picture:
        draw(probes, options.picture)
    settings = {"workers": options.workers, "documents": DOCUMENTS, "burn": options.burn}
    print(save(collect("health", settings, found)))


if __name__ == "__main__":
    main()
