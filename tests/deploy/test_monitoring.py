"""The rules, the dashboard, the guide, and the program that tries them, agree with each other and with the service."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs.monitoring.declared import (
    MONITORING,
    RULES,
    Alert,
    alerts,
    panel_queries,
    with_minutes_as_seconds,
)
from tests.programs.monitoring.faults import FAULTS
from tests.programs.monitoring.prometheus import MISSING, is_installed

ROOT = Path(__file__).parents[2]

GUIDE = ROOT / "docs/operations"

needs_promtool = pytest.mark.skipif(not is_installed(), reason=MISSING)


def promtool(*arguments: str | Path) -> str:
    """Run promtool; return what it says where it finds a fault, else nothing."""
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


@needs_promtool
def test_the_configuration_is_valid() -> None:
    """Its rules, too."""
    assert promtool("check", "config", MONITORING / "prometheus.yml") == ""


@needs_promtool
def test_the_rules_with_minutes_as_seconds_are_valid(tmp_path: Path) -> None:
    """They are what the program tries."""
    path = tmp_path / "rules.yml"
    path.write_text(with_minutes_as_seconds(RULES.read_text(encoding="utf-8")), encoding="utf-8")

    assert promtool("check", "rules", path) == ""


@needs_promtool
@pytest.mark.parametrize("cases", ["rules_test.yml", "drift_rules_test.yml"])
def test_alerts_begin_and_end_when_they_should(cases: str) -> None:
    """The cases are in the file."""
    assert promtool("test", "rules", Path(__file__).with_name(cases)) == ""


def test_only_durations_become_shorter() -> None:
    """Names of recorded series and words stay."""
    rules = "record: a:rate5m\nexpr: rate(b[5m]) + rate(c[1d])\nfor: 1h # 5 minutes, of 10 MB"

    assert with_minutes_as_seconds(rules) == (
        "record: a:rate5m\nexpr: rate(b[5s]) + rate(c[1440s])\nfor: 60s # 5 minutes, of 10 MB"
    )


def test_the_dashboard_is_what_its_program_prints() -> None:
    """Nobody changes the file by hand."""
    command: list[str | Path] = [sys.executable, MONITORING / "dashboard.py"]
    printed = subprocess.run(command, capture_output=True, check=True).stdout

    assert json.loads(printed) == json.loads((MONITORING / "dashboard.json").read_bytes())


def test_panels_lie_beside_and_below_each_other() -> None:
    """None covers another one, and each has a number of its own."""
    panels = json.loads((MONITORING / "dashboard.json").read_bytes())["panels"]
    cells = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in panels
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_every_metric_in_use_is_in_the_guide() -> None:
    """And so in the service: a test of the service holds the guide's table true."""
    table = (GUIDE / "monitoring.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`((?:scorepool|http_server|process)_\w+)", table))
    queries = " ".join((RULES.read_text(encoding="utf-8"), *panel_queries("scorepool").values()))

    used = set(re.findall(r"\b((?:scorepool|http_server|process)_\w+)\b", queries))
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in used} <= described


def test_every_metric_of_the_guide_is_drawn() -> None:
    """But for one that only alerts need, and one of which rules make what is drawn."""
    table = (GUIDE / "monitoring.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`((?:scorepool|http_server|process)_\w+)", table))
    queries = " ".join(panel_queries("scorepool").values())

    not_drawn = {name for name in described if name not in queries}
    assert not_drawn == {"scorepool_request_timeout_seconds", "scorepool_cluster_assignments_total"}


def test_every_alert_has_a_fault_that_tries_it() -> None:
    """And every fault tries alerts that exist, each of them once."""
    tried = [name for fault in FAULTS for name in sorted(fault.alerts)]

    assert sorted(tried) == sorted(alert.name for alert in alerts())


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_the_guide_has_the_runbook_of_every_alert(alert: Alert) -> None:
    """Word by word, below its name and its severity; it says what it means, what to look at and what to do."""
    guide = (GUIDE / "alerts.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (\w+)\n\n(.+?)(?=\n#|\Z)", guide, re.MULTILINE | re.DOTALL))

    section = " ".join(sections[alert.name].split())
    assert section.startswith(f"`{alert.severity}`. ")
    assert alert.runbook in section
    assert " Look at " in alert.runbook


def test_the_guide_has_no_alert_that_is_not_there() -> None:
    """An alert that is taken out leaves the guide, too."""
    guide = (GUIDE / "alerts.md").read_text(encoding="utf-8")

    assert re.findall(r"^### (\w+)", guide, re.MULTILINE) == [alert.name for alert in alerts()]
