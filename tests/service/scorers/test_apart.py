"""A function in a process of its own: its result, its refusal, its end."""

import os
import signal
import time
from functools import partial

import pytest

from service.scorers.apart import run_apart
from service.scorers.reference import ScorerError

TIMEOUT_S = 60.0


def pid_and(value: int) -> tuple[int, int]:
    """Return the process id beside a value; print something."""
    print("what a scorer prints goes to standard error")
    return os.getpid(), value


def refuse(sentence: str) -> None:
    """Raise what says why a scorer cannot be used."""
    raise ScorerError(sentence)


def kill_itself() -> None:
    """End as after a fault in C code."""
    os.kill(os.getpid(), signal.SIGSEGV)


def test_a_result_comes_from_another_process() -> None:
    """Whatever can be pickled."""
    pid, value = run_apart(partial(pid_and, 7), TIMEOUT_S)

    assert (pid != os.getpid(), value) == (True, 7)


def test_a_refusal_comes_back() -> None:
    """With its sentence."""
    with pytest.raises(ScorerError, match=r"^no such model$"):
        run_apart(partial(refuse, "no such model"), TIMEOUT_S)


def test_the_end_of_the_process_is_told_by_its_signal() -> None:
    """A segmentation fault, for one."""
    with pytest.raises(ScorerError, match="ended its process with SIGSEGV"):
        run_apart(kill_itself, TIMEOUT_S)


def test_a_process_that_does_not_end_is_killed() -> None:
    """When its time is over."""
    with pytest.raises(ScorerError, match=r"did not end within 0\.5 s"):
        run_apart(partial(time.sleep, TIMEOUT_S), 0.5)
