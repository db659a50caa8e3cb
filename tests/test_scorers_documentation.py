"""docs/scorers.md: its code runs, its changes apply, and its commands print what it says."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli.main import COMMANDS, main
from service.testing import Service, serving
from tests.support.scorer_models import write_news_model
from tests.support.tokens import SECRET

ROOT = Path(__file__).parent.parent

DOCUMENT = (ROOT / "docs" / "scorers.md").read_text(encoding="utf-8")

BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)

# Prints what the application answers, with FastAPI's own client.
ASK_APPLICATION = """
import json, sys
from fastapi.testclient import TestClient
from app import app
print(TestClient(app).post("/score", json=json.loads(sys.argv[1])).text)
"""


class Reader:
    """Does what a reader of the document would: writes files, changes them, and types commands, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._service: Service | None = None
        self._running = ExitStack()
        programs = folder / "bin"
        programs.mkdir()
        (programs / "scorepool").write_text(
            f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m service "$@"\n'
        )
        (programs / "scorepool").chmod(0o755)
        paths = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        self._environment = {**os.environ, **paths, "SCOREPOOL_JWT_SECRET": SECRET}

    def python(self, code: str) -> None:
        """Write the file that the first line names; run it, with pytest where it is a test."""
        name = code.splitlines()[0].removeprefix("# ")
        (self._folder / name).write_text(code.partition("\n")[2])
        if name.startswith("test_"):
            assert "1 passed" in self.run(f"{sys.executable} -m pytest -q {name}")
        else:
            assert self.run(f"{sys.executable} {name}") == ""

    def diff(self, changes: str) -> None:
        """Change app.py."""
        path = self._folder / "app.py"
        text = path.read_text()
        for change in changes.split("@@\n"):
            lines = change.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            assert text.count(before) == 1, before
            text = text.replace(before, "".join(line[1:] for line in lines if line[0] in " +"))
        path.write_text(text)

    def console(self, session: str) -> None:
        """Type each command and compare what it prints; `…` stands for anything."""
        for command, expected in re.findall(
            r"^\$ (.*?[^\\])\n((?:(?!\$ )[^\n]*\n)*)", session, re.DOTALL | re.MULTILINE
        ):
            if command.startswith("scorepool serve"):
                words = shlex.split(command)[2:]
                scorer = words[words.index("--scorer") + 1]
                self._service = self._running.enter_context(serving(scorer, options=words, jwt_secret=SECRET))
            elif not command.startswith("curl") or shutil.which("curl"):
                printed = self.run(command)
                pattern = re.escape(expected.rstrip()).replace("…", ".*")
                assert re.fullmatch(pattern, printed.rstrip(), re.DOTALL), (command, printed)

    def run(self, command: str) -> str:
        """Run a command in a shell; return what it prints."""
        if self._service is not None:
            command = command.replace("http://127.0.0.1:8000", self._service.url)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,  # a request that is refused is what some commands show
        )
        return done.stdout

    def close(self) -> None:
        """End the service."""
        self._running.close()


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """Return a reader in a folder with the model of the application."""
    write_news_model(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    reader = Reader(tmp_path)
    yield reader
    reader.close()


@pytest.mark.timeout(600)  # a dozen commands, each with its imports and some with a server
def test_every_block_holds(reader: Reader) -> None:
    """In the order of the document."""
    for kind, text in BLOCKS:
        {"python": reader.python, "diff": reader.diff, "console": reader.console}[kind](text)

    assert {kind for kind, _ in BLOCKS} == {"python", "diff", "console"}


def test_the_scorer_answers_as_the_application_did(reader: Reader) -> None:
    """FastAPI before the first change and `try-scorer` after it give the same JSON."""
    request = json.dumps({"documents": ["Storms close the harbour", "Harbour shut by gales", "Rates rise"]})
    reader.python(BLOCKS[0][1])

    before = reader.run(
        f"{sys.executable} -W ignore -c {shlex.quote(ASK_APPLICATION)} {shlex.quote(request)}"
    )
    reader.diff(next(text for kind, text in BLOCKS if kind == "diff"))
    after = reader.run(f"scorepool try-scorer app:score {shlex.quote(request)}")

    assert json.loads(before) == json.loads(after)


def test_every_option_and_command_is_there() -> None:
    """Words such as `--max-body-bytes` are options of `serve` or of the commands for scorers."""
    commands = ("serve", "check-scorer", "try-scorer", "new-scorer")
    helps = "".join(CliRunner().invoke(main, [name, "--help"]).output for name in commands)

    assert set(re.findall(r"`(--[a-z-]+)", DOCUMENT)) <= set(re.findall(r"--[a-z-]+", helps))
    assert set(re.findall(r"`scorepool ([a-z-]+)", DOCUMENT)) <= set(COMMANDS)


def test_every_link_leads_somewhere() -> None:
    """Files, and headings in this document and in others."""
    for file, heading in re.findall(r"\]\(([^):#]*)(?:#([^)]*))?\)", DOCUMENT):
        text = (ROOT / "docs" / file).read_text() if file else DOCUMENT
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-") for each in headings}

        assert not heading or heading in anchors, (file, heading)
