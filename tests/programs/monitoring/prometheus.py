"""Debian's Prometheus in a process of its own, with the rules of `deploy/monitoring`, and queries to it."""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from bench.harness.server import free_ports
from tests.programs.monitoring.declared import MONITORING, RULES, with_minutes_as_seconds

MISSING = "skipped: prometheus and promtool are not installed (apt-get install prometheus)"

# Half a second stands for half a minute, as in the rules.
INTERVAL = "500ms"

# For how long a series that is not scraped any more is seen: Prometheus' five minutes.
LOOKBACK = "5s"

_START_S = 30.0


def is_installed() -> bool:
    """Tell whether the programs are there."""
    return shutil.which("prometheus") is not None and shutil.which("promtool") is not None


class Prometheus:
    """A running Prometheus."""

    def __init__(self, url: str) -> None:
        self._url = url

    def query(self, expression: str) -> Any:
        """Return the samples of a query: each with its `metric`, its labels, and its `value`, (time, text)."""
        return self._get(f"query?query={quote(expression)}")["result"]

    def values(self, expression: str) -> list[float]:
        """Return the values of a query that are numbers."""
        values = [float(sample["value"][1]) for sample in self.query(expression)]
        return [value for value in values if value == value]  # noqa: PLR0124 - leaves NaN out

    def label_values(self, selector: str, label: str) -> set[str]:
        """Return the values of a label."""
        return set(self._get(f"label/{label}/values?match[]={quote(selector)}"))

    def alerts(self, state: str = "firing") -> set[str]:
        """Return the names of the alerts in this state."""
        return {
            alert["labels"]["alertname"] for alert in self._get("alerts")["alerts"] if alert["state"] == state
        }

    def is_watching(self) -> bool:
        """Tell whether it has seen a target, and every rule has seen that it did."""
        try:
            return bool(self.values("up == 1")) and "ScorepoolAbsent" not in self.alerts() | self.alerts(
                "pending"
            )
        except OSError:  # it does not answer yet
            return False

    def _get(self, path: str) -> Any:
        with urlopen(f"{self._url}/api/v1/{path}", timeout=_START_S) as answer:
            return json.load(answer)["data"]


@contextmanager
def running_prometheus(targets: Sequence[str]) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes these targets, addresses with ports, for as long as the context lasts.

    In its rules minutes are seconds; its configuration is that of `deploy/monitoring` with other targets and times.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rules = with_minutes_as_seconds(RULES.read_text(encoding="utf-8"))
        (folder / "rules.yml").write_text(rules, encoding="utf-8")
        configuration = (MONITORING / "prometheus.yml").read_text(encoding="utf-8")
        configuration = configuration.replace("15s", INTERVAL).replace(
            '"scorepool:8000"', json.dumps(targets)[1:-1]
        )
        (folder / "prometheus.yml").write_text(configuration, encoding="utf-8")
        [port] = free_ports(1)
        with _process(folder, port) as process:
            prometheus = Prometheus(f"http://127.0.0.1:{port}")
            end = time.monotonic() + _START_S
            while not prometheus.is_watching():
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError((folder / "log").read_text(encoding="utf-8"))
                time.sleep(0.1)
            yield prometheus


@contextmanager
def _process(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    options = {
        "config.file": folder / "prometheus.yml",
        "storage.tsdb.path": folder / "data",
        "web.listen-address": f"127.0.0.1:{port}",
        "query.lookback-delta": LOOKBACK,
    }
    command = ["prometheus", *(f"--{name}={value}" for name, value in options.items())]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield process
        finally:
            process.kill()
