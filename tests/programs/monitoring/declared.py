"""What `deploy/monitoring` declares: the alerts, and the queries of the dashboard."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MONITORING = Path(__file__).parents[3] / "deploy/monitoring"

RULES = MONITORING / "rules.yml"

_SECONDS = {"m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule."""

    name: str
    severity: str
    summary: str
    runbook: str


def alerts() -> list[Alert]:
    """Return the alerts, in the order of the file."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    return [
        Alert(
            rule["alert"],
            rule["labels"]["severity"],
            rule["annotations"]["summary"],
            rule["annotations"]["runbook"],
        )
        for rule in rules
    ]


def with_minutes_as_seconds(rules: str) -> str:
    """Return rules in which every duration, of a window and of a `for`, is a sixtieth: nothing else is changed.

    `1h` becomes `60s`. The names of recorded series, as `rate5m`, stay.
    """
    return re.sub(r"\b(\d+)([mhd])\b", lambda found: f"{int(found[1]) * _SECONDS[found[2]] // 60}s", rules)


def panel_queries(job: str) -> Mapping[str, str]:
    """Return the query of each legend of each panel, for all instances of a job."""
    dashboard = json.loads((MONITORING / "dashboard.json").read_bytes())
    return {
        f"{panel['title']}: {target['legendFormat']}": _with_values(target["expr"], job)
        for panel in _panels(dashboard)
        for target in panel["targets"]
    }


def annotation_queries() -> list[str]:
    """Return the queries for the marks on the panels."""
    dashboard = json.loads((MONITORING / "dashboard.json").read_bytes())
    return [annotation["expr"] for annotation in dashboard["annotations"]["list"]]


def variable_queries(job: str) -> Mapping[str, tuple[str, str]]:
    """Return the selector and the label that each variable takes its values from."""
    dashboard = json.loads((MONITORING / "dashboard.json").read_bytes())
    return {
        variable["name"]: (_with_values(found[1], job), found[2])
        for variable in dashboard["templating"]["list"]
        if (found := re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]))
    }


def _panels(dashboard: Any) -> Iterator[Any]:
    return (panel for panel in dashboard["panels"] if panel["type"] != "row")


def _with_values(query: str, job: str) -> str:
    """Put values in the place of Grafana's variables."""
    values = {"$job": job, "$instance": ".+", "$__rate_interval": "10s"}
    for name, value in values.items():
        query = query.replace(name, value)
    return query
