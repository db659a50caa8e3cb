"""The project's goals for this comparison, each beside what was measured, whether or not it is met."""

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.comparison.record import Record

PRODUCT, OWN_APP, PREFORK, CELERY = "scorepool", "fastapi-async-uvicorn/own", "flask-gunicorn", "celery"


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal. met: None when it was not measured in this run."""

    promise: str
    measured: str
    met: bool | None


def goals(records: Mapping[str, Record], alone: float) -> Iterator[Goal]:
    """Yield every goal. alone: how many requests of 300 documents a second the workers score without a server."""
    yield _throughput(records, "4", 4.0, "each peer", _peers(records))
    yield _throughput(records, "4", 2.0, "pre-forked gunicorn", [PREFORK])
    yield _throughput(records, "4", 10.0, "Celery", [CELERY])
    yield _throughput(records, "32", 2.0, "the best peer", _peers(records))
    yield _own_rate(records, alone)
    yield _health(records)
    yield _throughput(records, "300", 100.0, "async def with its own scoring", [OWN_APP])
    yield _silence(records)
    yield _losses(records)


def rate(record: Record | None, payload: str) -> float | None:
    """Return the median of the good answers a second, None where nothing was measured."""
    repeats = record.closed.get(payload) if record else None
    return statistics.median(cell.rate for cell in repeats) if repeats else None


def health_p99(record: Record | None, payload: str = "300") -> float | None:
    """Return the worst repeat's 99th percentile of health latency in ms while requests of `payload` run."""
    repeats = record.closed.get(payload) if record else None
    return max(cell.health.p99_ms for cell in repeats) if repeats else None


def _peers(records: Mapping[str, Record]) -> list[str]:
    return [name for name, record in records.items() if record.kind == "peer"]


def _throughput(
    records: Mapping[str, Record], payload: str, times: float, whom: str, others: list[str]
) -> Goal:
    promise = f"{payload} documents a request: at least {times:g} times {whom}"
    own = rate(records.get(PRODUCT), payload)
    theirs = {name: found for name in others if (found := rate(records.get(name), payload))}
    if not own or not theirs:
        return Goal(promise, "not measured", None)
    best = max(theirs, key=lambda name: theirs[name])
    return Goal(promise, f"{own / theirs[best]:.1f} times {records[best].title}", own >= times * theirs[best])


def _own_rate(records: Mapping[str, Record], alone: float) -> Goal:
    promise = "300 documents: at least 95 % of what the workers score without a server"
    own = rate(records.get(PRODUCT), "300")
    if not own or not alone:
        return Goal(promise, "not measured", None)
    return Goal(promise, f"{own / alone:.0%}, the load generator on the same processors", own >= 0.95 * alone)


def _health(records: Mapping[str, Record]) -> Goal:
    promise = "health at 300 documents: 99th percentile at most a tenth of any peer's"
    own = health_p99(records.get(PRODUCT))
    theirs = {name: found for name in _peers(records) if (found := health_p99(records[name]))}
    if own is None or not theirs:
        return Goal(promise, "not measured", None)
    best = min(theirs, key=lambda name: theirs[name])
    measured = f"{own:.0f} ms; {records[best].title} {theirs[best]:.0f} ms"
    return Goal(promise, measured, own <= theirs[best] / 10)


def _silence(records: Mapping[str, Record]) -> Goal:
    promise = "longest silence under the storm: at most a hundredth of that of async def with its own scoring"
    own, app = records.get(PRODUCT), records.get(OWN_APP)
    if not (own and own.storm and app and app.storm):
        return Goal(promise, "not measured", None)
    measured = f"{own.storm.silence_s:.2f} s; async def {app.storm.silence_s:.1f} s"
    return Goal(promise, measured, own.storm.silence_s <= app.storm.silence_s / 100)


def _losses(records: Mapping[str, Record]) -> Goal:
    promise = "nothing lost in any fault"
    own = records.get(PRODUCT)
    if not (own and own.faults):
        return Goal(promise, "not measured", None)
    losses = {fault.name: fault.lost for fault in own.faults if fault.lost}
    return Goal(promise, ", ".join(f"{name}: {n}" for name, n in losses.items()) or "nothing", not losses)
