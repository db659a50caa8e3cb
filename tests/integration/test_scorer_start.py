"""A scorer that cannot be served ends the start, with a sentence that names file, line and cause."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import serving
from tests.support.tokens import SECRET

SCORERS = Path(__file__).parent.parent / "support" / "scorers.py"


def start(reference: str, *options: str) -> tuple[int, str]:
    """Run the command until it ends; return its exit status and what it said that is no line of the log."""
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "service",
            "serve",
            "--scorer",
            reference,
            "--port",
            "0",
            "--workers",
            "2",
            *options,
        ],
        check=False,
        env={**os.environ, "SCOREPOOL_JWT_SECRET": SECRET},
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    return ended.returncode, "\n".join(lines)


def line_of(text: str) -> int:
    """Return the number of the first line of the tests' scorers that begins with `text`."""
    lines = SCORERS.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip().startswith(text))


@pytest.mark.parametrize(
    ("name", "line", "cause"),
    [
        ("Raising", 'raise RuntimeError("no weights', "RuntimeError: no weights here"),
        ("Dying", "class Dying", "the worker ended while it was loaded: exit status 7"),
        ("FailingItsTest", "class FailingItsTest", "request 0: invalid_document: nothing is good enough"),
        ("NoScore", "class NoScore", "NoScore has no method score(self, requests)"),
        ("Asynchronous", "async def score", "must be a plain function"),
        ("Weighted", "class Weighted", "Weighted needs --model PATH"),
        ("Preloading", "class Preloading", "preload: no_such_module_anywhere cannot be imported"),
    ],
)
def test_a_scorer_that_cannot_be_used_ends_the_start(name: str, line: str, cause: str) -> None:
    """With exit status 2 and one sentence: no loop of workers that die."""
    status, said = start(f"tests.support.scorers:{name}")

    assert status == 2
    assert said.startswith(f"{SCORERS}:{line_of(line)}: ")
    assert cause in said
    assert "\n" not in said


def test_a_scorer_that_loads_for_too_long_ends_the_start() -> None:
    """The setting says how long is too long."""
    status, said = start("tests.support.scorers:Hanging", "--load-timeout-s", "2")

    assert (status, "not loaded within 2 s, as long as load_timeout_s allows" in said) == (2, True)


def test_a_model_that_fills_the_worker_s_memory_ends_the_start() -> None:
    """Its workers would be replaced after every call."""
    status, said = start("tests.support.scorers:Heavy", "--worker-memory-bytes", str(280 << 20))

    assert (status, "raise that, or map the model's files" in said) == (2, True)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("Name", "'Name' is not package.module:Name"),
        ("no_such_module:Name", "there is no module no_such_module"),
        ("tests.support.scorers:Nothing", "there is no Nothing in it"),
        ("tests.support.scorers:NUMBER", "expected a class or a function, got int"),
    ],
)
def test_a_name_that_leads_nowhere_is_told(reference: str, said: str) -> None:
    """Before anything else is started."""
    status, message = start(reference)

    assert (status, said in message) == (2, True)


def test_code_of_a_module_runs_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that prints, reads, exits or crashes when it is imported does none of it to the server."""
    (tmp_path / "crashing.py").write_text("import os\nprint('on my way')\nos._exit(9)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(SCORERS.parents[2]))

    status, said = start("crashing:Name")

    ended = "the process that imported it ended with exit status 9"
    assert (status, said) == (2, f"crashing:Name: {ended}; it said: on my way")


def test_a_load_that_fails_after_a_worker_was_ready_is_tried_again(tmp_path: Path) -> None:
    """It is logged, and the server goes on."""
    record = tmp_path / "record"
    record.touch()

    with serving("Once", model=record) as server:
        server.await_ready()

        server.score(b'"die"', X_Request_Timeout_Ms="300")

        failures = server.journal.await_events(2, event="slot_start_failed")

        assert "RuntimeError: not a second time" in failures[0]["detail"]
        assert server.process.poll() is None
