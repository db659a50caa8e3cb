"""The metrics of a real server are those that the operator's guide describes, in Prometheus' own format."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.programs.monitoring.prometheus import MISSING, is_installed
from tests.support.server import running_server

GUIDE = Path(__file__).parents[2] / "docs/operations/monitoring.md"


@pytest.fixture(scope="module")
def text(demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what a server that has scored a request answers to a scrape."""
    with running_server(demo_bundle, workers=1, state_dir=tmp_path_factory.mktemp("state")) as server:
        server.await_ready()
        server.score()
        return server.request("GET", "/metrics").body.decode()


def test_the_guide_describes_every_metric(text: str) -> None:
    """Once, with its type, and none that does not exist."""
    pattern = r"^\| (`(?:scorepool|http|process)_[^|]+) \| ([^|]+) \|"
    described: list[tuple[str, str]] = []
    for names, types in re.findall(pattern, GUIDE.read_text(encoding="utf-8"), re.MULTILINE):
        found = re.findall(r"`(\w+)", names)
        kinds = types.split(", ") if ", " in types else [types] * len(found)
        described += zip(found, kinds, strict=True)
    assert sorted(described) == sorted(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))


@pytest.mark.skipif(not is_installed(), reason=MISSING)
def test_prometheus_finds_no_fault_in_them(text: str) -> None:
    """Its own check reads names, units, help and types."""
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
