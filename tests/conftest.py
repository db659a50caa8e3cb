"""Fixtures for all tests."""

from pathlib import Path

import pytest

from scoring.demo import build_demo


@pytest.fixture(scope="session")
def demo_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the demonstration bundle once a session, from all of its texts but in few epochs."""
    path = tmp_path_factory.mktemp("demo") / "bundle"
    build_demo(path, epochs=2)
    return path
