"""One row of the program: what is checked, what it needs on the machine, and its verdict."""

import shutil
import traceback
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple


class Missing(Exception):  # noqa: N818 - it is no fault of the service
    """The machine lacks what a check needs; the text says what."""


class Check(NamedTuple):
    """A named check. `run` returns a note, or raises AssertionError with what is wrong, or Missing."""

    name: str
    run: Callable[[], str]
    programs: tuple[str, ...] = ()


class Verdict(Enum):
    """How a check ended."""

    KEPT = "kept"
    FAILED = "FAILED"
    NOT_RUN = "not run"


def judge(check: Check) -> Verdict:
    """Run a check and print its row."""
    verdict, note = _outcome(check)
    print(f"{verdict.value:8} {check.name}{': ' if note else ''}{note}", flush=True)
    return verdict


def _outcome(check: Check) -> tuple[Verdict, str]:
    lacking = [name for name in check.programs if shutil.which(name) is None]
    if lacking:
        return Verdict.NOT_RUN, f"{', '.join(lacking)} not installed"
    try:
        return Verdict.KEPT, check.run()
    except Missing as missing:
        return Verdict.NOT_RUN, str(missing)
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return Verdict.FAILED, f"{type(error).__name__}: {error} ({frame.name}:{frame.lineno})"


def expect(found: object, wanted: object, what: str) -> None:
    """Raise AssertionError that says what was found, unless it is what was wanted."""
    if found != wanted:
        raise AssertionError(f"{what}: {found!r} instead of {wanted!r}")
