"""The list of scenarios and of systems."""

import pytest

from bench.__main__ import scenarios
from bench.comparison import catalogue
from bench.comparison.environments import LOCKED, NAMES
from bench.comparison.sidebyside import choose


def test_every_scenario_says_what_it_does() -> None:
    """Each that is listed has a sentence."""
    assert "sidebyside" in scenarios()
    assert all(scenarios().values())


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
