"""What `scorepool capacity` predicts beside what a real server does under the same load.

    python -m bench capacity [BUNDLE] [--documents 32] [--seconds 20]

The server and its worker have the first processor for themselves, as far as other programs leave it, and the generator
the second. What the requests cost is measured on the first one, too. Then a Poisson load arrives at half the peak, at
the peak, at two and at ten times of it, and the same loads are simulated. Other programs on the first processor are a
part of reality and none of the simulation, which is therefore given what they left: a fraction of a processor.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.harness.command_line import bundle_path, parser
from bench.harness.documents import corpus
from bench.harness.load_generator import Load, LoadProcess, Reply
from bench.harness.results import Figure, collect, save
from bench.harness.server import Server, serving, token
from scoring.progress import silent
from service.capacity import simulation
from service.capacity.measurement import Measurement, Sample, measure
from service.capacity.process_tree import processor_s, server_processes
from service.capacity.replica import Machine
from service.capacity.result import Answer, Result, of_simulation, summarize
from service.limits import PoolLimits, RequestLimits

FACTORS = (0.5, 1.0, 2.0, 10.0)

CONNECTIONS = 1000
QUEUE_BUDGET_S = 0.5

# Of each load, before what is counted.
WARM_UP_S = 3.0

PEAK_CONNECTIONS = 16
PEAK_S = 8.0

SEED = 5

# /proc/stat counts in hundredths of a second.
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Row:
    """One load: what was predicted and what was seen. cpus: what other programs left of the server's processor."""

    factor: float
    cpus: float
    predicted: Result
    seen: Result


def used_s(cpu: int) -> float:
    """Return the seconds that all programs have run on one processor, since the machine was started."""
    lines = Path("/proc/stat").read_text().splitlines()
    ticks = [
        int(value) for value in next(line for line in lines if line.startswith(f"cpu{cpu} ")).split()[1:9]
    ]
    return (sum(ticks) - ticks[3] - ticks[4]) * TICK_S


def server_s(server: Server) -> float:
    """Return the seconds that a server and its workers have run."""
    processes = server_processes(server.process.pid)
    return sum(map(processor_s, (*processes.server, *processes.workers)))


def summarized(replies: list[Reply], seconds: float) -> Result:
    """Summarize what the generator has seen, without the warm-up."""
    answers = [
        Answer(
            reply.due,
            reply.due + (reply.latency_ms - reply.served_ms) / 1e3,
            reply.due + reply.latency_ms / 1e3,
            reply.status == 200,
        )
        for reply in replies
    ]
    return summarize(answers, min(reply.due for reply in replies) + WARM_UP_S, seconds)


def rows(server: Server, measured: Measurement, seconds: float, cpus: tuple[int, int]) -> Iterator[Row]:
    """Yield what became of each load. cpus: the server's and the generator's processor."""
    documents = measured.kind.documents
    LoadProcess(server.address, token(), Load(documents, PEAK_CONNECTIONS, WARM_UP_S, cpus=cpus[1:])).wait()
    closed = Load(documents, PEAK_CONNECTIONS, PEAK_S, cpus=cpus[1:])
    peak = sum(reply.status == 200 for reply in LoadProcess(server.address, token(), closed).wait()) / PEAK_S
    print(f"peak {peak:.1f} requests/s", flush=True)
    for factor in FACTORS:
        load = Load(
            documents, CONNECTIONS, seconds + WARM_UP_S, factor * peak, niceness=0, seed=SEED, cpus=cpus[1:]
        )
        began, used, own = time.monotonic(), used_s(cpus[0]), server_s(server)
        seen = summarized(LoadProcess(server.address, token(), load).wait(), seconds)
        others = used_s(cpus[0]) - used - (server_s(server) - own)
        left = min(1.0, max(0.05, 1 - others / (time.monotonic() - began)))
        yield Row(factor, left, predict(measured, factor * peak, seconds, left), seen)


def predict(measured: Measurement, rate: float, seconds: float, cpus: float) -> Result:
    """Simulate the same load."""
    load = simulation.Load(rate, seconds, WARM_UP_S, CONNECTIONS, seed=SEED)
    machine = Machine(cpus, PoolLimits(queue_budget_s=QUEUE_BUDGET_S))
    simulated = simulation.simulate(simulation.Fleet(1, machine), load, measured.kind, measured.costs)
    return of_simulation(simulated, load)


def show(row: Row) -> None:
    """Print one load: predicted, seen, and their ratio."""
    pairs = [
        ("goodput", row.predicted.goodput, row.seen.goodput),
        ("p50", row.predicted.p50_s * 1e3, row.seen.p50_s * 1e3),
        ("p99", row.predicted.p99_s * 1e3, row.seen.p99_s * 1e3),
        ("refused %", row.predicted.refused * 1e2, row.seen.refused * 1e2),
        ("refusal p50", row.predicted.refused_p50_s * 1e3, row.seen.refused_p50_s * 1e3),
    ]
    cells = "".join(f"{predicted:>10.1f}{seen:>10.1f}" for _, predicted, seen in pairs)
    print(f"{row.factor:>5g}{row.cpus:>7.2f}{cells}", flush=True)


def figures(found: list[Row]) -> list[Figure]:
    """Return the ratios of what was predicted to what was seen."""
    made = []
    for row in found:
        for name in ("goodput", "p99_s"):
            ratio = getattr(row.predicted, name) / getattr(row.seen, name)
            made.append(Figure(f"{row.factor:g}/{name}", "predicted / seen", "lower", [ratio]))
    return made


def main() -> None:
    """Measure, predict, run, print, save."""
    options_parser = parser(__doc__)
    options_parser.add_argument("bundle", type=Path, nargs="?", help="the demonstration bundle without one")
    options_parser.add_argument("--documents", type=int, default=32, help="of each request (32)")
    options_parser.add_argument("--seconds", type=float, default=20, help="of each load (20)")
    options = options_parser.parse_args()
    bundle = bundle_path(options.bundle)
    mine, other, *_ = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {mine})
    measured = measure(bundle, Sample(options.documents, tuple(corpus())), RequestLimits(), 1, silent)
    print("requests/s, milliseconds; predicted and seen\n")
    names = ("goodput", "p50", "p99", "refused %", "refusal p50")
    print(f"{'load':>5}{'cpus':>7}" + "".join(f"{name:>20}" for name in names))
    found = []
    with serving(bundle, 1, queue_budget_s=QUEUE_BUDGET_S) as server:
        for row in rows(server, measured, options.seconds, (mine, other)):
            show(row)
            found.append(row)
    settings = {"documents": options.documents, "seconds": options.seconds}
    print(save(collect("capacity", settings, figures(found))))


if __name__ == "__main__":
    main()
