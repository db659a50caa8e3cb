"""The commands of the operator's guide work as they are written."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.programs.monitoring.declared import RULES
from tests.support.server import running_server

ROOT = Path(__file__).parents[2]

GUIDE = ROOT / "docs/operations"


def commands(page: str) -> list[str]:
    """Return the blocks of shell commands of a page."""
    return re.findall(
        r"^```sh\n(.+?)^```", (GUIDE / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def run(command: str, folder: Path) -> str:
    """Return what a command prints."""
    shell = ["bash", "-o", "pipefail", "-c", command]
    return subprocess.run(shell, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def incident(demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the `log` of a server where requests of every kind failed."""
    folder = tmp_path_factory.mktemp("incident")
    with running_server(demo_bundle, workers=1) as server:
        server.await_ready()
        server.score()
        server.score(b"sleep 60", X_Request_Timeout_Ms="200")
        server.score(b"fail")
        server.score(b"kill_self SIGSEGV")
        server.stop()
        lines = "\n".join(json.dumps(event) for event in server.journal.events)
    (folder / "log").write_text(lines, encoding="utf-8")
    return folder


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed (apt-get install jq)")
@pytest.mark.parametrize("command", [line for line in commands("incidents.md") if "log" in line])
def test_an_incident_is_found_in_the_log(command: str, incident: Path) -> None:
    """Each question to the log has an answer when there is one."""
    assert run(command, incident).strip()


def test_the_rules_become_an_object_of_the_operator() -> None:
    """Its `spec` is what Prometheus itself reads."""
    [command] = [block for block in commands("alerts.md") if "PrometheusRule" in block]
    made = yaml.safe_load(run(command.partition("| kubectl")[0], ROOT))

    assert made["spec"] == yaml.safe_load(RULES.read_text(encoding="utf-8"))
