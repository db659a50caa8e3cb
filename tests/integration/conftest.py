"""Fixtures of the integration tests."""

from pathlib import Path

import pytest

from tests.support.another_bundle import write_another
from tests.support.cli import CORPUS


@pytest.fixture(scope="session")
def another_bundle(demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle of another model than `demo_bundle`."""
    return write_another(demo_bundle, tmp_path_factory.mktemp("another") / "bundle")


@pytest.fixture
def small_corpus(tmp_path: Path) -> Path:
    """Return a corpus of thirty short documents."""
    path = tmp_path / "corpus.txt"
    lines = Path(CORPUS).read_text(encoding="utf-8").splitlines()[:30]
    path.write_text("\n".join(line[:300] for line in lines) + "\n", encoding="utf-8")
    return path
