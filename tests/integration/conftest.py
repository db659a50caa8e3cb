"""Fixtures of the integration tests."""

from pathlib import Path

import pytest

from scoring.training.demo import build_demo
from tests.support.cli import CORPUS


@pytest.fixture(scope="session")
def another_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a bundle of another model than `demo_bundle`, once a session."""
    path = tmp_path_factory.mktemp("another") / "bundle"
    build_demo(path, epochs=1)
    return path


@pytest.fixture
def small_corpus(tmp_path: Path) -> Path:
    """Return a corpus of thirty short documents."""
    path = tmp_path / "corpus.txt"
    lines = Path(CORPUS).read_text(encoding="utf-8").splitlines()[:30]
    path.write_text("\n".join(line[:300] for line in lines) + "\n", encoding="utf-8")
    return path
