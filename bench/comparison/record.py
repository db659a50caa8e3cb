"""What a run keeps of each system: the values from which report and tables are made."""

from collections.abc import Iterator

import msgspec

from bench.harness.latency import Latency
from bench.harness.results import Figure


class Closed(msgspec.Struct, frozen=True):
    """One closed loop. rate: good answers a second. health: the latency of health probes beside it."""

    rate: float
    latency: Latency
    failed: int  # refused, without a connection, or late
    health: Latency


class Open(msgspec.Struct, frozen=True):
    """One open loop at a constant rate.

    latency: of all requests; one that was not answered with 200 counts with the timeout of its client.
    silence_s: the longest time in which no health probe was answered; the least that can be seen is 0.05.
    series: good answers a second, in steps of `step_s` seconds.
    """

    rate: float
    sent: int
    lost: int
    latency: Latency
    health: Latency
    silence_s: float
    step_s: float
    series: list[float]


class Ramp(msgspec.Struct, frozen=True):
    """An open loop whose rate rises. points: rate a second and 99th percentile in ms of each half second.

    sustained: the highest rate up to which that percentile stayed within `limit_ms`.
    """

    points: list[tuple[float, float]]
    limit_ms: float
    sustained: float


class Fault(msgspec.Struct, frozen=True):
    """What a fault cost. Times in seconds, None where that did not happen while the system was watched.

    again_s: the longest time without a good answer after the fault.
    full_s: how long until as many answers came as before.
    left: how many processes were still running that should have ended.
    """

    name: str
    sent: int
    lost: int
    again_s: float | None = None
    full_s: float | None = None
    left: int | None = None
    note: str = ""


class Record(msgspec.Struct):
    """Everything that is known of one system after the run."""

    name: str
    title: str
    kind: str
    scoring: str
    why: str
    versions: dict[str, str] = {}
    failure: str = ""  # why figures are missing
    busy_before: float = 0.0  # share of the processors' time that others used just before the start
    start_s: float = 0.0
    memory_bytes: int = 0
    closed: dict[str, list[Closed]] = {}
    storm: Open | None = None
    mix: Open | None = None
    ramp: Ramp | None = None
    faults: list[Fault] = []


def figures(record: Record) -> Iterator[Figure]:
    """Yield the figures of one system for the result file."""
    name = record.name
    for payload, cells in record.closed.items():
        yield Figure(f"{name}: {payload} documents", "1/s", "higher", [cell.rate for cell in cells])
        p99 = [cell.latency.p99_ms for cell in cells]
        yield Figure(f"{name}: {payload} documents, p99", "ms", "lower", p99)
        health = [cell.health.p99_ms for cell in cells]
        yield Figure(f"{name}: {payload} documents, health p99", "ms", "lower", health)
    if record.storm:
        yield Figure(f"{name}: storm p99", "ms", "lower", [record.storm.latency.p99_ms])
        yield Figure(f"{name}: storm silence", "s", "lower", [record.storm.silence_s])
    if record.mix:
        yield Figure(f"{name}: mix p99 of the small", "ms", "lower", [record.mix.latency.p99_ms])
    if record.ramp:
        yield Figure(f"{name}: sustained", "1/s", "higher", [record.ramp.sustained])
    if record.memory_bytes:
        yield Figure(f"{name}: memory", "MB", "lower", [record.memory_bytes / 2**20])
    for fault in record.faults:
        yield Figure(f"{name}: {fault.name}, lost", "", "lower", [fault.lost])
