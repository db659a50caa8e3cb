"""`scorepool check-scorer` and `try-scorer`: each fault of a scorer is found, and named where it is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# The body of a class `Scorer` that answers a number with its double.
GOOD = """
    def score(self, requests: list[int]) -> list[int]:
        return [2 * request for request in requests]

    def self_test(self):
        return [1, 20]
"""

FAULTS = {
    "preload": ("preload = ('busy',)" + GOOD, "busy starts 1 threads when it is imported"),
    "requests": (
        GOOD.replace("2 * request ", "float('nan') "),
        "self_test: request 0: the scorer Scorer returned NaN",
    ),
    "batch": (
        GOOD.replace("2 * request ", "2 * max(requests) "),
        "request 0: alone 2, together with others 40",
    ),
    # Two requests are seen in the self-test, two alone, and two in one call.
    "order": (
        "seen = 0\n"
        + GOOD.replace("return", "self.seen += len(requests)\n        return", 1).replace(
            "2 *", "(3 if self.seen > 6 else 2) *"
        ),
        "request 1: first 40, later 60",
    ),
    "kill": (
        """
    def __init__(self):
        if os.path.exists("used"):
            raise RuntimeError("a file is left")
"""
        + GOOD.replace("return", "open('used', 'w').close()\n        return", 1),
        "RuntimeError: a file is left",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a module that starts a thread when it is imported."""
    (tmp_path / "busy.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    )
    return tmp_path


def run(folder: Path, scorer: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Write a module with a class of this body and run a command in its folder."""
    if scorer:
        (folder / "own.py").write_text(f"import os\n\n\nclass Scorer:\n    {scorer}\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "service", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_scorer_that_is_right_passes_everything(folder: Path) -> None:
    """Eight lines, no failure, exit code 0."""
    done = run(folder, GOOD, "check-scorer", "own:Scorer")

    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["ok", name]
        for name in ("import", "cost", "preload", "self-test", "requests", "batch", "order", "kill")
    ]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(folder: Path, name: str) -> None:
    """The line of that property fails, with what is wrong; exit code 2."""
    scorer, detail = FAULTS[name]

    done = run(folder, scorer, "check-scorer", "own:Scorer")

    (failed,) = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert failed.split()[1] == name, done.stdout
    assert detail in failed
    assert (done.returncode, done.stderr) == (2, "Error: own:Scorer is not ready to serve\n")


def test_a_scorer_that_ends_its_process_is_survived(folder: Path) -> None:
    """The command reports the status."""
    done = run(folder, GOOD.replace("return", "os._exit(7); return", 1), "check-scorer", "own:Scorer")

    assert "FAIL  requests   it ended its process with status 7" in done.stdout
    assert done.returncode == 2


def test_a_module_that_cannot_be_imported_is_named_with_the_line(folder: Path) -> None:
    """Nothing else is tried."""
    done = run(folder, "score = 1 / 0", "check-scorer", "own:Scorer")

    assert done.stdout.startswith("FAIL  import")
    assert "own.py:5: ZeroDivisionError" in done.stdout


def test_requests_come_from_a_file(folder: Path) -> None:
    """One on each line; a request that is refused fails, with its number."""
    (folder / "requests.jsonl").write_text('3\n\n"four"\n')

    done = run(folder, GOOD, "check-scorer", "own:Scorer", "--requests", "requests.jsonl")

    assert "FAIL  requests   request 1 was refused: invalid_document" in done.stdout


def test_a_request_is_tried_without_a_server(folder: Path) -> None:
    """Given, from a file, from the self-test; the answer alone goes to standard output."""
    (folder / "request.json").write_text("21")

    answers = [
        run(folder, GOOD, "try-scorer", "own:Scorer", *words) for words in (["4"], ["@request.json"], [])
    ]

    assert [(done.returncode, done.stdout, done.stderr) for done in answers] == [
        (0, "8\n", ""),
        (0, "42\n", ""),
        (0, "2\n", ""),
    ]


def test_a_fault_is_shown_to_its_author(folder: Path) -> None:
    """The exception that no client ever sees, with file and line."""
    done = run(folder, GOOD.replace("2 * request ", "1 // (request - 4) "), "try-scorer", "own:Scorer", "4")

    assert (done.returncode, done.stdout) == (2, "")
    assert "500 internal_error" in done.stderr
    assert "own.py:7: ZeroDivisionError" in done.stderr


def test_what_a_scorer_prints_is_no_part_of_the_answer(folder: Path) -> None:
    """It goes to standard error, so the answer can be piped on."""
    done = run(folder, f"print('loading')\n{GOOD}", "try-scorer", "own:Scorer", "4")

    assert (done.returncode, done.stdout, done.stderr) == (0, "8\n", "loading\n")


def test_a_request_that_is_missing_is_no_fault_of_the_scorer(folder: Path) -> None:
    """It has no self-test to take one from."""
    source = "def score(self, requests): return requests"

    done = run(folder, source, "try-scorer", "own:Scorer")

    assert (done.returncode, done.stderr) == (2, "Error: a request is needed: the scorer has no self_test\n")


def test_k_means_in_a_preload_is_found(folder: Path) -> None:
    """OpenMP keeps the threads that it has started for a fit, and a process that is forked from them hangs."""
    (folder / "kmeans.py").write_text(
        "import numpy, threadpoolctl\n"
        "from sklearn.cluster import KMeans\n"
        "with threadpoolctl.threadpool_limits(2):\n"
        "    KMeans(2, n_init=1).fit(numpy.random.default_rng(1).normal(size=(5000, 8)))\n"
    )

    done = run(folder, "preload = ('kmeans',)" + GOOD, "check-scorer", "own:Scorer")

    (failed,) = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert "kmeans starts" in failed, done.stdout
    assert done.returncode == 2
