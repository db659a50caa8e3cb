"""A bundle for programs that run a server: the given one, or the demonstration bundle."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scoring.training.demo import build_demo


@contextmanager
def given_or_demo_bundle(given: Path | None) -> Iterator[Path]:
    """Return `given`, or a demonstration bundle in a temporary folder that is removed at the end."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        build_demo(Path(folder) / "bundle", epochs=2)
        yield Path(folder) / "bundle"
