"""The list of scenarios and of systems, and their agreement with the documentation."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.__main__ import scenarios
from bench.comparison import catalogue
from bench.comparison.environments import LOCKED, NAMES
from bench.comparison.sidebyside import choose

ROOT = Path(__file__).parents[2]


def documented() -> Iterator[str]:
    """Yield the name of every scenario that the documentation tells a reader to run."""
    for path in (ROOT / "README.md", ROOT / "Makefile", *(ROOT / "docs").glob("*.md")):
        yield from re.findall(r"-m bench (\w+)", path.read_text(encoding="utf-8"))


def test_every_documented_scenario_is_there() -> None:
    """A reader can copy each command."""
    assert set(documented()) <= set(scenarios())


def test_every_scenario_has_a_summary() -> None:
    """The list says in a sentence what each one measures."""
    assert "sidebyside" in scenarios()
    assert all(scenario.summary for scenario in scenarios().values())


def test_every_application_of_a_system_is_there() -> None:
    """Commands and files of the catalogue name modules that only other environments can import."""
    named = set(re.findall(r"bench\.comparison\.apps\.\w+", repr(catalogue.ALL)))

    assert [module for module in named if find_spec(module) is None] == []


def test_names_of_systems_are_distinct() -> None:
    """A result is looked up by its system's name."""
    names = [system.name for system in catalogue.ALL]

    assert len(names) == len(set(names))


def test_every_system_has_a_locked_environment() -> None:
    """The product has its own; every other one is pinned with hashes."""
    for system in catalogue.ALL:
        if system.environment != "product":
            assert system.environment in NAMES
            assert "--hash=sha256:" in (LOCKED / f"{system.environment}.txt").read_text()


def test_a_system_that_is_not_known_is_refused() -> None:
    """The message lists those that are."""
    with pytest.raises(SystemExit, match="unknown: nonsense; known: scorepool"):
        choose(["nonsense"])
