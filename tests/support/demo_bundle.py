"""A bundle for commands that run a server: the given one, or a demonstration built for the occasion."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scoring.training.demo import build_demo


@contextmanager
def given_or_demo_bundle(given: Path | None) -> Iterator[Path]:
    """Return `given`, or a bundle of the demonstration's texts that is gone afterwards."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        build_demo(Path(folder) / "bundle", epochs=2)
        yield Path(folder) / "bundle"
