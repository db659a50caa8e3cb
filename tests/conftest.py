"""Fixtures for all tests."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from scoring.training.demo import build_demo

# A slow machine must not fail a test; times are measured by benchmarks.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def demo_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the demonstration bundle once a session, with all of its texts and only 2 epochs."""
    path = tmp_path_factory.mktemp("demo") / "bundle"
    build_demo(path, epochs=2)
    return path
