"""The checks of `scorepool check-scorer`, in order; each ends in a verdict.

The scorer's code runs in other processes, which it may end.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from service.api.outcome import Outcome
from service.api.scorer import ScorerDescription
from service.dispatcher import Dispatcher
from service.errors import Refused, StartError
from service.limits import PoolLimits
from service.pool import fork_server
from service.scheduling.call_cost import SizePredictor
from service.scheduling.job import Job
from service.scorers.apart import run_apart
from service.scorers.description import describe_apart
from service.scorers.handler import ScorerSource
from service.scorers.reference import ScorerError
from service.scorers.trial import KilledOnce, Trial, Verdict, equal, threads_of_imports, try_scorer

MIB = 1024 * 1024

# How often it is looked whether the pool's worker is ready.
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Subject:
    """The scorer that is checked: as `serve` is told it, and how long everything may take in seconds.

    requests: bodies that must succeed; none for those of its self-test.
    """

    reference: str
    folder: Path
    model: Path | None
    requests: tuple[bytes, ...]
    timeout_s: float


def verdicts(subject: Subject) -> Iterator[Verdict]:
    """Yield what is found, until something is wrong without which the rest cannot be tried."""
    # As in workers: with more numeric threads than one, answers and threads could be others there.
    os.environ.update(fork_server.ONE_THREAD)
    try:
        description = describe_apart(subject.reference, subject.folder, subject.model, subject.timeout_s)
    except ScorerError as error:
        yield Verdict("import", False, str(error))
        return
    yield _imported(description)
    yield _cost(description)
    preload = run_apart(
        partial(threads_of_imports, description.preload, str(subject.folder)), subject.timeout_s
    )
    yield preload
    source = source_of(subject, description)
    try:
        trial = run_apart(partial(try_scorer, source, subject.requests), subject.timeout_s)
    except ScorerError as error:
        yield Verdict("requests", False, str(error))
        return
    yield from trial.verdicts
    # A worker that was forked from threads may hang for as long as it is given.
    if preload.holds and trial.bodies:
        yield _after_a_kill(source, trial, subject)


def source_of(subject: Subject, description: ScorerDescription) -> ScorerSource:
    """Return how workers open the scorer."""
    arguments = () if subject.model is None else (subject.model.absolute(),)
    return ScorerSource(subject.reference, arguments, str(subject.folder), description.preload)


def _imported(description: ScorerDescription) -> Verdict:
    kinds = f"takes {description.reads}, answers {description.answers}"
    named = f"{description.name} {description.version}".strip()
    return Verdict("import", True, f"{named}, {description.file}; {kinds}")


def _cost(description: ScorerDescription) -> Verdict:
    if description.cost_fault:
        return Verdict("cost", False, description.cost_fault)
    return Verdict("cost", True, "as it expects" if description.costs else "no expectation; it is learned")


def _after_a_kill(source: ScorerSource, trial: Trial, subject: Subject) -> Verdict:
    """Have a pool of one slot answer a request whose first worker is killed in the call."""
    with tempfile.TemporaryDirectory() as folder:
        killed = KilledOnce(source, Path(folder) / "not-yet-killed")
        killed.marker.touch()
        began = time.monotonic()
        try:
            outcome = asyncio.run(_answered(killed, trial.bodies[0], subject.timeout_s))
        except StartError as error:
            return Verdict("kill", False, str(error))
        took = time.monotonic() - began
    if outcome.code != "ok":
        return Verdict(
            "kill", False, f"after a worker was killed in a call, the next one gave {outcome.code}"
        )
    if outcome.attempts < 2 or not equal(outcome.body, trial.answers[0]):
        return Verdict("kill", False, "in a pool, the answer is another than in a process of its own")
    return Verdict(
        "kill", True, f"a worker was killed in a call, and the next one answered; {took:.1f} s in all"
    )


async def _answered(handlers: KilledOnce, body: bytes, timeout_s: float) -> Outcome:
    """Start a pool of one slot, and return how one request ends in it. Raises: StartError, ScorerError."""
    fork_server.import_from(handlers.source.folder)
    limits = PoolLimits(workers=1, max_body_bytes=max(len(body), MIB), load_timeout_s=timeout_s)
    pool = Dispatcher(handlers, limits, predictor=SizePredictor(limits.batch_jobs, ()))
    faults: list[str] = []
    pool.start_refused = faults.append
    await pool.start()
    try:
        deadline = time.monotonic() + timeout_s
        while pool.readiness is not None and not faults and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_S)
        if faults:
            raise StartError(f"no worker can be started: {faults[0]}")
        with pool.admit("check", len(body), deadline) as permit:
            return await pool.submit(permit, Job("check", "check", body, "score", deadline))
    except Refused as refused:
        raise StartError(refused.detail) from refused
    finally:
        await pool.drain(0)
