"""Tries the dashboard and the alerts of `deploy/monitoring`: `python -m tests.programs.monitoring`, ten minutes.

It needs Debian's package `prometheus`, and is skipped without it. A real Prometheus scrapes the real service, with the
rules as they are except that their minutes are seconds, and with half a second between two scrapes. First the
service is healthy and under load: every query of the dashboard must return numbers, and no alert may fire. Then each
fault is done to a server of its own, and its alerts must fire.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import NamedTuple

from bench.harness.documents import SMALL, bodies, corpus
from bench.harness.server import free_ports
from tests.programs.monitoring.declared import alerts, annotation_queries, panel_queries, variable_queries
from tests.programs.monitoring.faults import FAULTS, Fault, Inject, Scene, repeated
from tests.programs.monitoring.prometheus import MISSING, Prometheus, is_installed, running_prometheus
from tests.support.demo_bundle import given_or_demo_bundle
from tests.support.server import Server, running_server

JOB = "scorepool"

# Longer than the longest `for` of a rule, in seconds for its minutes, with the scrapes before it.
HEALTHY_S = 90.0

# The change of texts takes half of it.
FAULT_S = 300.0

POLL_S = 0.25


class Verdict(NamedTuple):
    """What one fault did. seconds: until its alerts fired. silent: those that did not. others: more that fired."""

    fault: Fault
    seconds: float
    silent: Sequence[str]
    others: Sequence[str]


@contextmanager
def injected(inject: Inject, scene: Scene) -> Iterator[None]:
    """Do something in a thread for as long as the context lasts; raise what it raised."""
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(inject, scene, stop)
        try:
            yield
        finally:
            stop.set()
        done.result()


def address(server: Server) -> str:
    """Return what Prometheus calls the instance."""
    return server.url.removeprefix("http://")


def use(server: Server) -> None:
    """Use the service as its clients and its supervisor do."""
    for body in bodies(SMALL, corpus())[:5]:
        server.score(body)
    server.request("GET", "/readyz")


def try_healthy(bundle: Path) -> list[str]:
    """Return what is wrong with the dashboard and the alerts over a healthy service under load."""
    with (
        running_server(bundle) as server,
        running_prometheus([address(server)]) as prometheus,
        injected(repeated(use, 0.2), Scene(server, bundle, 0)),
    ):
        fired = fired_within(HEALTHY_S, prometheus, wanted=None)
        faults = [f"{alert} fires over a healthy service" for alert in sorted(fired)]
        empty = [name for name, query in panel_queries(JOB).items() if not prometheus.values(query)]
        faults += [f"dashboard: no data for {name}" for name in empty]
        for name, (selector, label) in variable_queries(JOB).items():
            if not prometheus.label_values(selector, label):
                faults.append(f"dashboard: no values for the variable {name}")
    return faults


def fired_within(seconds: float, prometheus: Prometheus, wanted: frozenset[str] | None) -> set[str]:
    """Return the alerts that fire within so many seconds; stop when all that are wanted have fired."""
    fired: set[str] = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end and (wanted is None or not wanted <= fired):
        time.sleep(POLL_S)
        fired |= prometheus.alerts()
    return fired


def try_fault(fault: Fault, bundle: Path) -> Verdict:
    """Do a fault to a server of its own until its alerts fire."""
    [second_port] = free_ports(1)
    settings = {"drain_timeout_s": 1, **fault.settings}
    with tempfile.TemporaryDirectory() as folder:
        own = shutil.copytree(bundle, Path(folder) / "bundle")
        with running_server(own, prefix=fault.prefix, **settings) as server:
            server.await_ready()
            targets = [address(server)]
            if fault.uses_second_port:
                targets.append(f"127.0.0.1:{second_port}")
            with (
                running_prometheus(targets) as prometheus,
                injected(fault.inject, Scene(server, own, second_port)),
            ):
                begin = time.monotonic()
                fired = fired_within(FAULT_S, prometheus, fault.alerts)
                seconds = time.monotonic() - begin
                silent = fault.alerts - fired
                if fired and not all(map(prometheus.query, annotation_queries())):
                    silent |= {"the marks of the dashboard"}
    return Verdict(fault, seconds, sorted(silent), sorted(fired - fault.alerts))


def show(verdict: Verdict) -> None:
    """Print one line."""
    said = f"NOT {', '.join(verdict.silent)}" if verdict.silent else ", ".join(sorted(verdict.fault.alerts))
    others = f" (also {', '.join(verdict.others)})" if verdict.others else ""
    print(f"{verdict.seconds:5.0f} s  {verdict.fault.title}: {said}{others}", flush=True)


def main() -> int:
    """Run as the command line says; return 1 where something did not hold."""
    parser = argparse.ArgumentParser(description="try the dashboard and the alerts against a real Prometheus")
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--only", default="", help="only the faults whose title or alerts contain this text")
    parser.add_argument("--parallel", type=int, default=2, help="faults at a time")
    given = parser.parse_args()
    if not is_installed():
        print(MISSING)
        return 0
    chosen = [fault for fault in FAULTS if given.only in " ".join((fault.title, *fault.alerts))]
    failed = False
    with given_or_demo_bundle(given.bundle) as bundle:
        if not given.only:
            found = try_healthy(bundle)
            print(
                "\n".join(found)
                or f"{len(panel_queries(JOB))} queries have data, {len(alerts())} alerts are silent"
            )
            failed = bool(found)
        with ThreadPoolExecutor(given.parallel) as pool:
            for verdict in pool.map(lambda fault: try_fault(fault, bundle), chosen):
                show(verdict)
                failed |= bool(verdict.silent)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
