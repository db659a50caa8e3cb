"""A real server goes on with other code of a scorer: by itself with `serve --reload`, else when it is told to."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.testing import Service, serving

# A wait for a new worker, on a machine that does other things as well.
TIMEOUT_S = 60.0

SCORER = """
import factors

class Scorer:
    preload = ("factors",)

    def score(self, requests: list[int]) -> list[int]:
        return [factors.FACTOR * request for request in requests]

    def self_test(self):
        return [1]
"""


def write(folder: Path, name: str, text: str) -> None:
    """Replace a file as editors do."""
    (folder / f".{name}").write_text(text)
    (folder / f".{name}").replace(folder / name)


def await_events(service: Service, event: str, number: int = 1) -> list[dict[str, Any]]:
    """Poll the log until an event was written so many times."""
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end:
        lines = service.log.read_text().split("\n")[:-1]
        found = [line for line in map(json.loads, lines) if line["event"] == event]
        if len(found) >= number:
            return found
    raise TimeoutError(event)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with a scorer that doubles."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "own.py", SCORER)
    write(tmp_path, "factors.py", "FACTOR = 2\n")
    return tmp_path


@pytest.fixture
def service(folder: Path) -> Iterator[Service]:
    """Serve it with two workers, and wait until its files are watched."""
    with serving("own:Scorer", workers=2, options=["--reload"]) as running:
        await_events(running, "watching_files")
        yield running


def test_new_code_serves_when_a_file_changes(service: Service, folder: Path) -> None:
    """Also a module of the scorer's folder that it has in `preload`, and a file of the same size."""
    before = service.score(3).json()

    write(folder, "factors.py", "FACTOR = 5\n")
    (event,) = await_events(service, "file_changed")
    await_events(service, "reloaded")

    assert (before, service.score(3).json()) == (6, 15)
    assert event["file"] == str(folder / "factors.py")


def test_broken_code_changes_nothing(service: Service, folder: Path) -> None:
    """It is logged with file, line and cause, and the next change is taken."""
    write(folder, "own.py", SCORER + "\nscore = 1 / 0\n")
    (event,) = await_events(service, "reload_failed")
    still = service.score(3)
    write(folder, "own.py", SCORER.replace("factors.FACTOR *", "7 *"))
    await_events(service, "reloaded")

    assert event["detail"].startswith(f"{folder / 'own.py'}:13: ZeroDivisionError")
    assert (still.status, still.json()) == (200, 6)
    assert service.score(3).json() == 21


def test_code_that_fails_its_self_test_is_not_taken(service: Service, folder: Path) -> None:
    """As at the start."""
    write(folder, "own.py", SCORER.replace("factors.FACTOR *", "no_such_name *"))
    (event,) = await_events(service, "reload_failed")

    assert "NameError" in event["detail"]
    assert service.score(3).json() == 6


def test_a_reload_answers_with_the_digests_that_the_workers_say(folder: Path) -> None:
    """The server itself never sees the scorer's."""
    write(folder, "own.py", SCORER.replace("preload", "digest = 'sha256:old'; other"))
    with serving("own:Scorer", workers=1) as running:
        write(folder, "own.py", SCORER.replace("preload", "digest = 'sha256:new'; other"))
        reloaded = running.send("POST", "/reload").json()

    assert (reloaded["old_digest"], reloaded["digest"]) == ("sha256:old", "sha256:new")


def test_a_module_beside_one_of_the_service_s_name_is_served(folder: Path) -> None:
    """The folder's is not taken for the service's own."""
    write(folder, "scoring.py", "")

    with serving("own:Scorer", workers=1) as running:
        assert running.score(3).json() == 6


def test_changed_code_that_workers_share_is_refused(folder: Path) -> None:
    """The process that they are forked from would go on with the old one."""
    with serving("own:Scorer", workers=1) as running:
        same = running.send("POST", "/reload").json()
        write(folder, "factors.py", "FACTOR = 5\n")
        refused = running.send("POST", "/reload")

        assert (same["result"], refused.status) == ("reloaded", 422)
        assert "the modules in preload; restart the service" in refused.json()["detail"]
        assert running.score(3).json() == 6
