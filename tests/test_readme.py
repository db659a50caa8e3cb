"""The README tells the truth about the tree."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", ["service", "scoring", "client/scorepool_client"])
def test_the_map_names_every_package(package: str) -> None:
    """A reader finds each package and each module beside them in the map, and none that does not exist."""
    start = README.index(f"| {package}/ | |")
    table = README[start : README.index("\n\n", start)]
    rows = re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w/]+)`", row)}

    packages = {f"{path.parent.name}/" for path in (ROOT / package).glob("*/__init__.py")}
    modules = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__", "__main__"}

    assert named == packages | modules


def test_the_stops_of_a_request_exist() -> None:
    """Each stop in the README's list names a module of the service and what it defines."""
    start = README.index("A request to `/score` passes these stops")
    stops = re.findall(
        r"^\d+\. `([\w/]+)`: `(\w+)`", README[start : README.index("## Scoring", start)], re.MULTILINE
    )

    assert len(stops) == 16
    for module, name in stops:
        source = (ROOT / "service" / f"{module}.py").read_text(encoding="utf-8")
        assert re.search(rf"(def|class) {name}\b", source), (module, name)


def test_every_make_target_is_there() -> None:
    """Each `make` command that the README names is a target with a line of help."""
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))

    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", README, flags=re.MULTILINE)) <= targets
