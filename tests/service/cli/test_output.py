"""`--output` and `--force`: a file appears whole or not at all, and an existing one is kept without `--force`."""

from pathlib import Path

import pytest

from service.cli.output import BundleDestination, open_output
from tests.support.small_bundle import model


def test_the_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    """Until the block ends, nothing is at the path."""
    path = tmp_path / "scores.jsonl"

    with open_output(path, force=False) as file:
        file.write(b"line\n")
        assert not path.exists()

    assert path.read_bytes() == b"line\n"


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    """When the block raises, the unfinished file is removed."""
    with pytest.raises(ValueError, match="fault"), open_output(tmp_path / "out", force=False):
        raise ValueError("fault")

    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_refused_without_force(tmp_path: Path) -> None:
    """The file is unchanged, and the error names `--force`."""
    path = tmp_path / "out"
    path.write_bytes(b"old")

    with pytest.raises(FileExistsError, match="--force"), open_output(path, force=False):
        pass

    assert path.read_bytes() == b"old"


def test_force_replaces_an_existing_file(tmp_path: Path) -> None:
    """The new content is there when the block ends."""
    path = tmp_path / "out"
    path.write_bytes(b"old")

    with open_output(path, force=True) as file:
        file.write(b"new")

    assert path.read_bytes() == b"new"


def test_doubts_about_a_training_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, so that they are seen where the summary goes to a file."""
    doubtful = model(training={"warnings": ["2 clusters; this is weak evidence"]})

    summary = BundleDestination(tmp_path / "bundle").publish(doubtful)

    assert capsys.readouterr().err == "Warning: 2 clusters; this is weak evidence\n"
    assert summary.startswith(f"{tmp_path / 'bundle'} is ready")
