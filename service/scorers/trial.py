"""What a scorer must do before it serves, tried in a process of its own: one verdict for each property.

Runs the scorer's code: call it by `apart.run_apart`. What needs a pool is tried in `service.cli.scorer_checks`.
"""

import math
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from service.api.outcome import Outcome
from service.api.request import Buffer, Operation
from service.scorers.handler import ScorerHandler, ScorerSource
from service.scorers.reference import ScorerError, located

# Between the answers to a request alone and together with others: libraries add up in another order for many rows,
# and float32 has 7 digits.
RELATIVE, ABSOLUTE = 1e-4, 1e-6

# Of an answer in a message.
_SHOWN = 120


class Verdict(NamedTuple):
    """One property of a scorer. detail: what was seen, or what is wrong and where."""

    name: str
    holds: bool
    detail: str


class Trial(NamedTuple):
    """The verdicts, the requests, and the answers that were given to each of them alone."""

    verdicts: list[Verdict]
    bodies: tuple[bytes, ...] = ()
    answers: tuple[bytes, ...] = ()


def threads_of_imports(modules: Sequence[str], folder: str) -> Verdict:
    """Import modules to preload as the fork server does, and look for threads after each.

    A process that was forked from one with threads has their locks and not the threads, and waits for ever. OpenMP's
    are the known case, which K-Means starts.
    """
    sys.path.insert(0, folder)
    for module in modules:
        before = _threads()
        try:
            import_module(module)
        except BaseException as error:
            return Verdict("preload", False, f"{module} cannot be imported: {located(error)}")
        if (started := _threads() - before) > 0:
            remedy = "do that in __init__, or take the module out of preload"
            return Verdict(
                "preload", False, f"{module} starts {started} threads when it is imported; {remedy}"
            )
    return Verdict("preload", True, f"{', '.join(modules)}: no threads" if modules else "nothing to preload")


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - a count


def try_scorer(source: ScorerSource, given: tuple[bytes, ...]) -> Trial:
    """Open a scorer and have it answer requests: those `given`, or else those of its self-test.

    Raises: ScorerError where it cannot be opened or answers one of them with a fault.
    """
    handler = source()
    tested = tuple(handler.self_test_bodies())
    bodies = given or tested
    passed = f"of {_count(tested)}" if tested else "it has none; a wrong model would only be seen by clients"
    verdicts = [Verdict("self-test", True, passed)]
    if not bodies:
        detail = "there is none; give --requests FILE, or write a self_test"
        return Trial([*verdicts, Verdict("requests", False, detail)])
    answers = tuple(_alone(handler, number, body) for number, body in enumerate(bodies))
    verdicts.append(
        Verdict("requests", True, f"{_count(bodies)} answered, the first with {_shown(answers[0])}")
    )
    verdicts.append(_together(handler, bodies, answers))
    verdicts.append(_in_reverse(handler, bodies, answers))
    return Trial(verdicts, bodies, answers)


def _alone(handler: ScorerHandler, number: int, body: bytes) -> bytes:
    try:
        outcome = handler(body, "score")
    except BaseException as error:
        raise ScorerError(f"request {number}: {located(error)}") from error
    if outcome.code != "ok":
        raise ScorerError(f"request {number} was refused: {outcome.code}: {_shown(outcome.body)}")
    return outcome.body


def _together(handler: ScorerHandler, bodies: Sequence[bytes], answers: Sequence[bytes]) -> Verdict:
    """Compare answers of one call with those of each request alone; one request is given twice."""
    if len(bodies) == 1:
        bodies, answers = [*bodies, *bodies], [*answers, *answers]
    try:
        outcomes = handler.answer_all(bodies, ["score"] * len(bodies))
    except BaseException as error:
        return Verdict("batch", False, f"{len(bodies)} requests in one call: {located(error)}")
    for number, (outcome, alone) in enumerate(zip(outcomes, answers, strict=True)):
        if isinstance(outcome, Exception):
            return Verdict("batch", False, f"request {number} fails only among others: {located(outcome)}")
        if not equal(outcome.body, alone):
            detail = f"request {number}: alone {_shown(alone)}, together with others {_shown(outcome.body)}"
            return Verdict("batch", False, detail)
    return Verdict("batch", True, f"{len(bodies)} requests in one call are answered as each alone")


def _in_reverse(handler: ScorerHandler, bodies: Sequence[bytes], answers: Sequence[bytes]) -> Verdict:
    """Ask the same again, the last first: what earlier requests left behind must change nothing."""
    for number in reversed(range(len(bodies))):
        again = _alone(handler, number, bodies[number])
        if not equal(again, answers[number]):
            detail = f"request {number}: first {_shown(answers[number])}, later {_shown(again)}"
            return Verdict("order", False, detail)
    return Verdict("order", True, "asked again in another order, every answer is the same")


def equal(one: bytes, other: bytes) -> bool:
    """Return whether two answers are the same, numbers in JSON up to rounding."""
    if one == other:
        return True
    try:
        return _alike(orjson.loads(one), orjson.loads(other))
    except ValueError:
        return False


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return bool(one == other)


def _count(bodies: Sequence[bytes]) -> str:
    return f"{len(bodies)} request{'s' * (len(bodies) != 1)}"


def _shown(answer: bytes) -> str:
    text = answer.decode("utf-8", "backslashreplace")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


@dataclass(frozen=True, slots=True)
class KilledOnce:
    """A source whose first worker is killed in its first call, after the scoring. `marker`: a file until then."""

    source: ScorerSource
    marker: Path

    @property
    def preload(self) -> tuple[str, ...]:
        """What the fork server imports."""
        return self.source.preload

    def __call__(self) -> "KilledHandler":
        """Open the scorer."""
        return KilledHandler(self.source(), self.marker)


class KilledHandler:
    """Answers one request after the other, and kills its process while `marker` exists."""

    def __init__(self, handler: ScorerHandler, marker: Path) -> None:
        self.digest = handler.digest
        self._handler = handler
        self._marker = marker

    def __call__(self, body: Buffer, operation: Operation) -> Outcome:
        """Answer one request, or end as a worker does that is killed."""
        outcome = self._handler(body, operation)
        if self._marker.exists():
            self._marker.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return outcome
