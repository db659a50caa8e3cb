"""A measurement and a plan, for a person and for a program."""

from collections.abc import Iterator
from math import ceil, isnan
from statistics import mean
from typing import Any

from service.capacity.measurement import Measurement
from service.capacity.sizing import Plan, Trial

_COLUMNS = ("replicas", "workers", "busy", "p50", "p99", "refused", "Retry-After", "goodput", "memory each")


def as_text(measured: Measurement, plan: Plan, target_p99_s: float) -> str:
    """Return some lines about the machine, a table of what was simulated, and what is enough."""
    lines = [
        *_machine(measured),
        "",
        f"{plan.load.rate:g} requests/s for {plan.load.seconds:.0f} s, simulated",
        "",
        "  ".join(f"{name:>11}" for name in _COLUMNS),
        *("  ".join(f"{cell:>11}" for cell in _cells(trial, measured)) for trial in plan.trials),
        "",
        _conclusion(measured, plan, target_p99_s),
    ]
    return "\n".join(lines)


def _machine(measured: Measurement) -> Iterator[str]:
    kind, costs, memory = measured.kind, measured.costs, measured.memory
    yield (
        f"requests of {kind.documents} documents: {kind.body_bytes / 1e3:,.1f} kB, "
        f"answered with {kind.answer_bytes / 1e3:,.1f} kB"
    )
    each = {requests: mean(timings) / requests for requests, timings in costs.calls.items()}
    best = min(each, key=lambda requests: each[requests])
    shared = "" if best == 1 else f", {_ms(each[best])} each where {best} share a call"
    yield f"  a worker    {_ms(each[1])} for a request{shared}"
    if measured.cpus > 1:
        yield f"              {costs.slowdown:.2f} times as long while all {measured.cpus} processors are busy"
    yield f"  the server  {_ms(costs.served_s)} for a request, {_ms(costs.refused_s)} for a refusal"
    yield (
        f"  memory      {_mb(memory.server)} for the server, {_mb(memory.worker)} for each worker, "
        f"{_mb(memory.model)} for the model"
    )


def _cells(trial: Trial, measured: Measurement) -> tuple[str, ...]:
    result = trial.result
    return (
        str(trial.replicas),
        str(trial.workers),
        f"{trial.busy:.0%}",
        _ms(result.p50_s),
        _ms(result.p99_s),
        f"{result.refused:.1%}",
        "–" if isnan(result.retry_after_s) else f"{result.retry_after_s:.0f} s",
        f"{result.goodput:.1f}/s",
        _mb(measured.memory.total(trial.workers)),
    )


def _conclusion(measured: Measurement, plan: Plan, target_p99_s: float) -> str:
    promise = f"p99 of {_ms(target_p99_s)} with nothing refused"
    if plan.chosen is None:
        return f"Not enough for a {promise}."
    chosen = plan.chosen
    replicas = "one replica" if chosen.replicas == 1 else f"{chosen.replicas} replicas"
    workers = "one worker" if chosen.workers == 1 else f"{chosen.workers} workers"
    return (
        f"Enough for a {promise}: {replicas} of {workers}, {_mb(measured.memory.total(chosen.workers))} each.\n"
        "Add one replica for the time that another is replaced or lost."
    )


def as_json(measured: Measurement, plan: Plan, target_p99_s: float) -> dict[str, Any]:
    """Return the same for a program, in the units that the names say; null for what there is none of."""
    costs = measured.costs
    trials = [_trial(trial, measured) for trial in plan.trials]
    return {
        "documents": measured.kind.documents,
        "body_bytes": measured.kind.body_bytes,
        "answer_bytes": measured.kind.answer_bytes,
        "cpus": measured.cpus,
        "call_ms": {str(requests): mean(timings) * 1e3 for requests, timings in costs.calls.items()},
        "slowdown": costs.slowdown,
        "served_ms": costs.served_s * 1e3,
        "refused_ms": costs.refused_s * 1e3,
        "handover_ms": costs.handover_s * 1e3,
        "server_bytes": measured.memory.server,
        "worker_bytes": measured.memory.worker,
        "model_bytes": measured.memory.model,
        "rate": plan.load.rate,
        "simulated_s": plan.load.seconds,
        "target_p99_ms": target_p99_s * 1e3,
        "trials": trials,
        "chosen": None if plan.chosen is None else trials[plan.trials.index(plan.chosen)],
    }


def _trial(trial: Trial, measured: Measurement) -> dict[str, Any]:
    result = trial.result
    numbers = {
        "busy": trial.busy,
        "goodput": result.goodput,
        "p50_ms": result.p50_s * 1e3,
        "p99_ms": result.p99_s * 1e3,
        "refused": result.refused,
        "refused_p50_ms": result.refused_p50_s * 1e3,
        "refused_p99_ms": result.refused_p99_s * 1e3,
        "retry_after_s": result.retry_after_s,
    }
    return {
        "replicas": trial.replicas,
        "workers": trial.workers,
        "fits": trial.fits,
        **{name: None if isnan(number) else number for name, number in numbers.items()},
        "memory_bytes": measured.memory.total(trial.workers),
    }


def _ms(seconds: float) -> str:
    if isnan(seconds):
        return "–"
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.2f} ms" if seconds < 0.01 else f"{seconds * 1e3:.0f} ms"


def _mb(size: int) -> str:
    return f"{ceil(size / 1e6)} MB"
