"""`service.testing`: what the test of a scorer relies on."""

import os
from pathlib import Path

import pytest

from service.errors import StartError
from service.testing import serving

SCORER = """
class Scorer:
    def score(self, requests):
        return requests
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with a scorer that echoes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(SCORER)
    return tmp_path


def test_a_start_that_fails_is_told(folder: Path) -> None:
    """With what the server says of it."""
    (folder / "own.py").write_text("import no_such_module\n")

    with (
        pytest.raises(StartError, match=r"ended with status 2: .*own\.py:1: ModuleNotFoundError"),
        serving("own:Scorer"),
    ):
        pytest.fail("it started")


def test_settings_are_the_tests_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says does not reach the server, what the test says does."""
    monkeypatch.setenv("SCOREPOOL_REQUEST_TIMEOUT_S", "0.001")

    with serving("own:Scorer", workers=1, max_body_bytes=65_536) as service:
        limits = service.send("GET", "/info").json()["limits"]
        answer = service.score({"text": "hello"})

    assert (answer.status, answer.json()) == (200, {"text": "hello"})
    assert limits["max_body_bytes"] == 65_536


def test_nothing_is_left_behind() -> None:
    """The server has ended when the block has, and its log is gone."""
    with serving("own:Scorer", workers=1) as service:
        pids = [slot["pid"] for slot in service.send("GET", "/status").json()["slots"]]

    assert not service.log.exists()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
