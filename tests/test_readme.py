"""The README tells the truth about the tree."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", ["service", "scoring"])
def test_the_map_names_every_module(package: str) -> None:
    """A reader finds each file in the map, and none that is not there."""
    start = README.index(f"| {package}/ | |")
    table = README[start : README.index("\n\n", start)]
    named = set(re.findall(r"`(\w+)`", table))

    modules = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__", "__main__"}

    assert modules <= named
    assert named <= modules


def test_every_link_leads_somewhere() -> None:
    """Files that the README points to exist."""
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_make_target_is_there() -> None:
    """Each `make` command that the README names is a target with a line of help."""
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))

    assert set(re.findall(r"(?:`|^)make ([a-z]+)", README, flags=re.MULTILINE)) <= targets
