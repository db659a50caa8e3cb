"""The systems of the question, the peers and Scorepool, side by side: the same requests, faults and machine.

    python -m bench sidebyside [--quick | --full] [--only NAME …] [--no-faults]

Writes bench/results/sidebyside-TIME.json and beside it the report (HTML), the table (Markdown) and the
picture (SVG). Under 15 minutes on two processors; --quick takes 3, --full an hour.
"""

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from bench import catalogue, cells, documents, environments, faults, machine, report, results
from bench.load import CONNECTIONS, LoadError
from bench.places import PAYLOADS
from bench.preparing import PrepareError, prepare, say
from bench.record import Record, figures
from bench.start import Running, StartError, running, variables
from bench.system import System


@dataclass(frozen=True, slots=True)
class Plan:
    """How long everything is measured, in seconds; 0 leaves it out. repeats: of each closed loop."""

    repeats: int
    small_s: int  # closed loops of 4 and 32 documents
    large_s: int  # closed loop of 300
    own_s: int  # closed loop of the question's own scoring, which answers about once a second
    storm_s: float
    mix_s: float
    ramp_s: float
    faults: tuple[str, ...]  # the systems that are put through the faults


_MEMORABLE = (
    "scorepool",
    "flask-gunicorn",
    "celery",
    "litserve",
    "mlserver",
    "bentoml",
    "ray",
)
QUICK = Plan(1, 1, 2, 4, storm_s=4, mix_s=0, ramp_s=0, faults=())
USUAL = Plan(3, 1, 2, 3, storm_s=4, mix_s=2, ramp_s=3, faults=_MEMORABLE)
FULL = Plan(5, 3, 6, 20, 20, 15, 20, faults=tuple(system.name for system in catalogue.SCOREPOOL_CODE))

# Shares of the product's own peak, measured first: a storm that leaves it time to spare, a mix in which the
# few huge requests are what matters, and a ramp that ends where it cannot follow.
STORM_SHARE, MIX_SHARE, RAMP_SHARE = 0.4, 0.05, 1.25


# A machine that others use more than this before a system starts measures them too.
QUIET = 0.1


@dataclass(slots=True)
class Rates:
    """The arrival rates a second of the open loops, the same for every system of a run."""

    storm: float
    mix: float
    ramp: float


class Session:
    """One run over all systems; `records` fills as it goes."""

    def __init__(self, plan: Plan, missing: dict[str, str]) -> None:
        self.plan = plan
        self.records: list[Record] = []
        self._missing = missing
        self._began = time.monotonic()
        self.rates: Rates | None = None
        self.alone: list[float] = []  # see `alone`; at the start, and again at the end

    def measure(self, system: System) -> None:
        """Measure one system; what goes wrong is noted in its record and ends nothing else."""
        record = Record(system.name, system.title, system.kind, system.scoring, system.why)
        self.records.append(record)
        record.busy_before = machine.busy(0.3)
        others = (
            f" (others use {record.busy_before:.0%} of the machine)" if record.busy_before > QUIET else ""
        )
        say(f"{time.monotonic() - self._began:4.0f} s  {system.title}{others}")
        try:
            self._present(system, record)
            with running(system) as started:
                record.start_s = started.took_s
                self._loads(started, record)
            if system.name in self.plan.faults:
                for fault in faults.attempt(system):
                    say(f"    {fault.name}: {fault.lost} of {fault.sent} lost; {fault.note}")
                    record.faults.append(fault)
        except (StartError, LoadError, subprocess.SubprocessError, OSError) as error:
            record.failure = str(error)
            say(f"    failed: {error}")

    def _present(self, system: System, record: Record) -> None:
        for what in (system.environment, *system.programs):
            if what in self._missing:
                raise StartError(f"not installed: {self._missing[what]}")
        record.versions = environments.versions(system.environment, system.versions)

    def _loads(self, started: Running, record: Record) -> None:
        own = started.system.scoring == "question"
        cells.closed(started, documents.SMALL, 1)  # warms up; not counted
        self._closed(started, record, own=own)
        record.memory_bytes = started.family.pss_bytes()
        if self.rates is None:
            self.rates = rates_of(record)
        plan, rates = self.plan, self.rates
        if plan.mix_s and not own:
            record.mix = cells.mix(started, rates.mix, plan.mix_s)
        if plan.ramp_s and not own:
            record.ramp = cells.ramp(started, rates.ramp, plan.ramp_s)
        # Last, because what it leaves in a queue would spoil what follows.
        record.storm = cells.storm(started, rates.storm, plan.storm_s)
        say(f"    storm: p99 {record.storm.latency.p99_ms:.0f} ms, silence {record.storm.silence_s:.2f} s")

    def _closed(self, started: Running, record: Record, *, own: bool) -> None:
        if own:
            durations = {documents.SMALL: self.plan.small_s, documents.LARGE: self.plan.own_s}
        else:
            small, large = self.plan.small_s, self.plan.large_s
            durations = {documents.SMALL: small, documents.MIDDLE: small, documents.LARGE: large}
        for _ in range(1 if own else self.plan.repeats):
            for payload, seconds in durations.items():
                cell = cells.closed(started, payload, seconds)
                record.closed.setdefault(payload.name, []).append(cell)
        for name, repeats in record.closed.items():
            rates = ", ".join(f"{cell.rate:.1f}" for cell in repeats)
            say(f"    {name} documents: {rates} requests/s; health p99 {repeats[-1].health.p99_ms:.0f} ms")

    def close_circle(self, system: System) -> None:
        """Repeat the first system's closed loops at the end: the spread shows how the machine drifted."""
        record = self.records[0]
        if record.name == system.name and record.closed:
            with running(system) as started:
                cells.closed(started, documents.SMALL, 1)
                self._closed(started, record, own=False)
            self.alone.append(alone(self.plan.large_s))


def rates_of(record: Record) -> Rates:
    """Derive the open loops' rates from the peaks of the system that was measured first."""
    best = {payload: max(cell.rate for cell in repeats) for payload, repeats in record.closed.items()}
    return Rates(
        storm=max(2.0, STORM_SHARE * best["300"]),
        mix=max(20.0, MIX_SHARE * best["4"]),
        ramp=max(20.0, RAMP_SHARE * best.get("32", best["300"])),
    )


def alone(seconds: float, workers: int = 2) -> float:
    """Return how many requests of 300 documents a second the workers score when nothing is between them."""
    folder = documents.write(PAYLOADS, documents.LARGE, "raw")
    command = [sys.executable, "-m", "bench.systems.alone", str(folder), str(seconds)]
    started = [
        subprocess.Popen(command, env=variables("scorepool"), stdout=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    rate = sum(float(process.communicate()[0]) for process in started)
    say(f"       {workers} workers without a server: {rate:.1f} requests of 300 documents a second")
    return rate


def choose(only: Sequence[str]) -> list[System]:
    """Return the systems that are named, all when none is.

    Raises: SystemExit when a name is unknown.
    """
    known = {system.name: system for system in catalogue.ALL}
    if unknown := set(only) - set(known):
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return [system for system in catalogue.ALL if not only or system.name in only]


def run(plan: Plan, systems: Sequence[System]) -> results.Results:
    """Measure `systems` in order and return everything that was seen."""
    session = Session(plan, prepare())
    session.alone.append(alone(plan.large_s))
    for system in systems:
        session.measure(system)
    if plan.repeats > 1:
        session.close_circle(systems[0])
    settings = {"connections": CONNECTIONS, "workers": 2, **asdict(plan)}
    settings["rates"] = asdict(session.rates) if session.rates else {}
    seen = [figure for record in session.records for figure in figures(record)]
    details = {"records": session.records, "alone": session.alone}
    return results.collect("sidebyside", settings, seen, details)


def _leave(number: int, _: object) -> None:
    sys.exit(128 + number)


def main() -> int:
    """Measure, save, and write the report."""
    parser = argparse.ArgumentParser(prog="bench sidebyside", description=(__doc__ or "").partition("\n")[0])
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--quick", action="store_const", const=QUICK, dest="plan", help="three minutes, no faults"
    )
    length.add_argument("--full", action="store_const", const=FULL, dest="plan", help="an hour")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="some of the systems")
    parser.add_argument("--no-faults", action="store_true")
    arguments = parser.parse_args()
    plan = arguments.plan or USUAL
    if arguments.no_faults:
        plan = replace(plan, faults=())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)  # what is running is ended on the way out
    try:
        path = results.save(run(plan, choose(arguments.only)))
    except PrepareError as error:
        print(error, file=sys.stderr)
        return 2
    for written in report.write(path):
        print(written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
