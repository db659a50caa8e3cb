"""Scorepool, its peers and the usual set-ups side by side: the same requests, faults and machine.

    python -m bench sidebyside [--quick | --full] [--only NAME …] [--no-faults]

Writes bench/results/sidebyside-TIME.json and beside it the report (HTML), the table (Markdown) and the
picture (SVG). Under 15 minutes on two processors; --quick takes 3, --full an hour. Needs Debian's wrk and
redis-server; installs the peers into .local/peers.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from bench.comparison import catalogue, environments, faults, measurements, report
from bench.comparison.catalogue import System
from bench.comparison.environments import PAYLOADS, PrepareError, prepare, say
from bench.comparison.external_load import CONNECTIONS, LoadError
from bench.comparison.record import Record, figures
from bench.comparison.running_system import RunningSystem, StartError, running, variables
from bench.harness import documents, machine, results
from bench.harness.command_line import parser


@dataclass(frozen=True, slots=True)
class Plan:
    """How many seconds each measurement takes; 0 leaves it out. repeats: of each closed loop."""

    repeats: int
    small_s: int  # closed loops of 4 and 32 documents
    large_s: int  # closed loop of 300 documents
    own_s: int  # closed loop of 300 documents with own scoring, which answers about once a second
    storm_s: float
    mix_s: float
    ramp_s: float
    faults: tuple[str, ...]  # the systems on which faults are tried


_WITH_FAULTS = ("scorepool", "flask-gunicorn", "celery", "litserve", "mlserver", "bentoml", "ray")
QUICK = Plan(1, 1, 2, 4, storm_s=4, mix_s=0, ramp_s=0, faults=())
DEFAULT = Plan(3, 1, 2, 3, storm_s=4, mix_s=2, ramp_s=3, faults=_WITH_FAULTS)
FULL = Plan(5, 3, 6, 20, 20, 15, 20, faults=tuple(system.name for system in catalogue.WITH_SCOREPOOL_SCORING))

# Arrival rates as shares of the peak of the system that is measured first, which is the product. It serves the
# storm with capacity to spare; in the mix the few huge requests take most of the time; the ramp ends beyond its peak.
STORM_SHARE, MIX_SHARE, RAMP_SHARE = 0.4, 0.05, 1.25

# Other processes that use more than this share of the machine before a start are reported.
BUSY_SHARE = 0.1


@dataclass(slots=True)
class Rates:
    """The arrival rates a second of the open loops, the same for every system of a run."""

    storm: float
    mix: float
    ramp: float


class Run:
    """One run over all systems.

    missing: the reason for each environment and program that cannot be had.
    alone: what `rate_without_server` returned at the start and at the end.
    """

    def __init__(self, plan: Plan, missing: dict[str, str]) -> None:
        self.plan = plan
        self.records: list[Record] = []
        self.rates: Rates | None = None
        self.alone: list[float] = []
        self._missing = missing
        self._began = time.monotonic()

    def measure(self, system: System) -> None:
        """Measure one system. A failure is noted in its record and does not end the run."""
        record = Record(system.name, system.title, system.kind, system.scoring, system.why)
        self.records.append(record)
        record.busy_before = machine.busy_share(0.3)
        line = f"{time.monotonic() - self._began:4.0f} s  {system.title}"
        if record.busy_before > BUSY_SHARE:
            line += f" (others use {record.busy_before:.0%} of the machine)"
        say(line)
        try:
            self._check_installed(system, record)
            with running(system) as started:
                record.start_s = started.took_s
                self._measure_loads(started, record)
            if system.name in self.plan.faults:
                for fault in faults.attempt(system):
                    say(f"    {fault.name}: {fault.lost} of {fault.sent} lost; {fault.note}")
                    record.faults.append(fault)
        except (StartError, LoadError, subprocess.SubprocessError, OSError) as error:
            record.failure = str(error)
            say(f"    failed: {error}")

    def _check_installed(self, system: System, record: Record) -> None:
        for what in (system.environment, *system.programs):
            if what in self._missing:
                raise StartError(f"not installed: {self._missing[what]}")
        record.versions = environments.versions(system.environment, system.versions)

    def _measure_loads(self, started: RunningSystem, record: Record) -> None:
        own = started.system.scoring == "own"
        self._measure_closed_loops(started, record, own=own)
        record.memory_bytes = started.tree.pss_bytes()
        if self.rates is None:
            self.rates = rates_of(record)
        plan, rates = self.plan, self.rates
        if plan.mix_s and not own:
            record.mix = measurements.mix(started, rates.mix, plan.mix_s)
        if plan.ramp_s and not own:
            record.ramp = measurements.ramp(started, rates.ramp, plan.ramp_s)
        # Last, because requests that it leaves in a queue would slow the next measurement.
        record.storm = measurements.storm(started, rates.storm, plan.storm_s)
        say(f"    storm: p99 {record.storm.latency.p99_ms:.0f} ms, silence {record.storm.silence_s:.2f} s")

    def _measure_closed_loops(self, started: RunningSystem, record: Record, *, own: bool) -> None:
        measurements.closed(started, documents.SMALL, 1)  # warms up; not counted
        if own:
            durations = {documents.SMALL: self.plan.small_s, documents.LARGE: self.plan.own_s}
        else:
            small, large = self.plan.small_s, self.plan.large_s
            durations = {documents.SMALL: small, documents.MIDDLE: small, documents.LARGE: large}
        for _ in range(1 if own else self.plan.repeats):
            for payload, seconds in durations.items():
                loop = measurements.closed(started, payload, seconds)
                record.closed.setdefault(payload.name, []).append(loop)
        for name, repeats in record.closed.items():
            rates = ", ".join(f"{loop.rate:.1f}" for loop in repeats)
            say(f"    {name} documents: {rates} requests/s; health p99 {repeats[-1].health.p99_ms:.0f} ms")

    def repeat_first(self, system: System) -> None:
        """Repeat the closed loops of the first system at the end: the spread shows how the machine changed."""
        record = self.records[0]
        if record.closed:
            with running(system) as started:
                self._measure_closed_loops(started, record, own=record.scoring == "own")
            self.alone.append(rate_without_server(self.plan.large_s))


def rates_of(record: Record) -> Rates:
    """Derive the open loops' rates from the peaks of the system that was measured first."""
    best = {payload: max(cell.rate for cell in repeats) for payload, repeats in record.closed.items()}
    return Rates(
        storm=max(2.0, STORM_SHARE * best["300"]),
        mix=max(20.0, MIX_SHARE * best["4"]),
        ramp=max(20.0, RAMP_SHARE * best.get("32", best["300"])),
    )


def rate_without_server(seconds: float, workers: int = 2) -> float:
    """Return how many requests of 300 documents a second the workers score without a server before them."""
    folder = documents.write(PAYLOADS, documents.LARGE, "raw")
    command = [sys.executable, "-m", "bench.comparison.apps.scoring", str(folder), str(seconds)]
    started = [
        subprocess.Popen(command, env=variables("scorepool"), stdout=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    rate = sum(float(process.communicate()[0]) for process in started)
    say(f"       {workers} workers without a server: {rate:.1f} requests of 300 documents a second")
    return rate


def choose(only: Sequence[str]) -> list[System]:
    """Return the systems with these names, all without a name.

    Raises: SystemExit when a name is unknown.
    """
    known = {system.name: system for system in catalogue.ALL}
    if unknown := set(only) - set(known):
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return [system for system in catalogue.ALL if not only or system.name in only]


def measure(plan: Plan, systems: Sequence[System]) -> results.Results:
    """Measure `systems` in order and return the results. Raises: PrepareError."""
    run = Run(plan, prepare())
    run.alone.append(rate_without_server(plan.large_s))
    for system in systems:
        run.measure(system)
    if plan.repeats > 1:
        run.repeat_first(systems[0])
    settings = {"connections": CONNECTIONS, "workers": 2, **asdict(plan)}
    settings["rates"] = asdict(run.rates) if run.rates else {}
    found = [figure for record in run.records for figure in figures(record)]
    return results.collect("sidebyside", settings, found, {"records": run.records, "alone": run.alone})


def _exit(number: int, _: object) -> None:
    sys.exit(128 + number)


def main() -> int:
    """Measure, save, and write the report."""
    options_parser = parser(__doc__)
    plans = options_parser.add_mutually_exclusive_group()
    plans.add_argument("--quick", action="store_const", const=QUICK, dest="plan", help="3 minutes, no faults")
    plans.add_argument("--full", action="store_const", const=FULL, dest="plan", help="an hour")
    options_parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="some of the systems")
    options_parser.add_argument("--no-faults", action="store_true")
    options = options_parser.parse_args()
    plan = options.plan or DEFAULT
    if options.no_faults:
        plan = replace(plan, faults=())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit)  # an exception, so that started systems are ended
    try:
        path = results.save(measure(plan, choose(options.only)))
    except PrepareError as error:
        print(error, file=sys.stderr)
        return 2
    for written in report.write(path):
        print(written)
    return 0
