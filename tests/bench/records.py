"""Invented results, small enough to check by eye."""

from bench.comparison.record import Closed, Fault, Open, Record
from bench.harness.latency import Latency
from bench.harness.machine import Machine
from bench.harness.results import Figure, Results

MACHINE = Machine("Made-up 3000", 2, 8.0, "6.1", "3.11.7", "abcdef1234")


def closed(rate: float, health_ms: float = 5.0) -> Closed:
    """Return a closed loop at `rate` answers a second."""
    return Closed(rate, Latency(1.0, 2.0, 3.0), 0, Latency(health_ms, health_ms, health_ms))


def storm(silence_s: float = 0.1) -> Open:
    """Return a short storm with a burst in it."""
    latency = Latency(10.0, 20.0, 30.0)
    return Open(20.0, 40, 0, latency, latency, silence_s, 0.2, [0.0, 20.0, 40.0])


def record(name: str, kind: str, *rates: float, **changes: object) -> Record:
    """Return a record with the same rates for every payload."""
    cells = {payload: [closed(rate) for rate in rates] for payload in ("4", "32", "300")}
    made = Record(name, name.title(), kind, "scorepool", "For a test.", closed=cells, storm=storm())
    for field, value in changes.items():
        setattr(made, field, value)
    return made


def lost(name: str, count: int) -> Fault:
    """Return a fault that cost `count` requests."""
    return Fault(name, 100, count, 0.5, note="1 < 2")


def results(*figures: Figure, details: object = None) -> Results:
    """Return a result file's content."""
    return Results("made-up", "2026-01-02T03:04:05Z", MACHINE, {"connections": 16}, list(figures), details)
