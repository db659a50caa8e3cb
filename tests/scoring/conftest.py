"""Fixtures of the scoring tests."""

import shutil
from pathlib import Path

import pytest

from scoring.bundle.bundle import write_bundle
from tests.support.small_bundle import model


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish a whole bundle of six words, which no test may change."""
    path = tmp_path_factory.mktemp("pristine") / "bundle"
    write_bundle(path, model())
    return path


@pytest.fixture
def written(pristine: Path, tmp_path: Path) -> Path:
    """Return the path of a whole bundle of six words, for a test to damage."""
    return shutil.copytree(pristine, tmp_path / "bundle")
