"""The metrics of a real server are those that the operator's guide describes."""

import re
from pathlib import Path

from tests.support.server import running_server

GUIDE = Path(__file__).parents[2] / "docs/operations/monitoring.md"


def test_the_guide_describes_every_metric(demo_bundle: Path) -> None:
    """It describes none that does not exist, and gives each its type."""
    with running_server(demo_bundle, workers=1) as server:
        text = server.request("GET", "/metrics").body.decode()

    pattern = r"^\| (`(?:scorepool|http|process)_[^|]+) \| ([^|]+) \|"
    described: list[tuple[str, str]] = []
    for names, types in re.findall(pattern, GUIDE.read_text(encoding="utf-8"), re.MULTILINE):
        found = re.findall(r"`(\w+)", names)
        kinds = types.split(", ") if ", " in types else [types] * len(found)
        described += zip(found, kinds, strict=True)
    assert sorted(described) == sorted(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
