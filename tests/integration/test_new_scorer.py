"""`scorepool new-scorer`: the project that it writes works as it is."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import scorepool

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a new project."""
    monkeypatch.chdir(tmp_path)
    written = scorepool("new-scorer", "word-count")
    assert written.exit_code == 0, written.output
    return tmp_path / "word-count"


def run(project: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a Python module in the project's folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_its_own_test_passes(project: Path) -> None:
    """Through a real server and a real worker."""
    done = run(project, "pytest", "-q", "-p", "no:cacheprovider")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_it_passes_the_checks(project: Path) -> None:
    """The module and the class are named as the README says."""
    (reference,) = set(re.findall(r"check-scorer (\S+)", (project / "README.md").read_text()))

    done = run(project, "service", "check-scorer", reference)

    assert (reference, done.returncode) == ("word_count:WordCount", 0), done.stdout + done.stderr


def test_a_folder_that_exists_is_not_touched(project: Path) -> None:
    """Whatever is in it."""
    before = {path: path.read_bytes() for path in project.iterdir()}

    again = scorepool("new-scorer", "word-count")

    assert (again.exit_code, again.stderr) == (2, "Error: word-count: File exists\n")
    assert {path: path.read_bytes() for path in project.iterdir()} == before


@pytest.mark.parametrize("name", ["", "2fast", "../up", "class", "Größe", "a.b"])
def test_a_name_that_no_module_can_have_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written."""
    monkeypatch.chdir(tmp_path)

    refused = scorepool("new-scorer", name)

    assert refused.exit_code == 2
    assert "not a name for a module" in refused.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["queue", "scoring"])
def test_a_name_that_would_hide_another_module_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever runs in that folder would import the scorer instead."""
    monkeypatch.chdir(tmp_path)

    refused = scorepool("new-scorer", name)

    assert (refused.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "use another one" in refused.stderr
