"""Where a command writes: `--output` and `--force`, for a bundle's folder and for a file.

Both appear at their path only when they are complete; a command that fails leaves nothing behind.
"""

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click

from scoring.bundle.bundle import write_bundle
from scoring.bundle.model import Model
from scoring.bundle.publish import require_free
from scoring.progress import Progress, silent
from service.cli.inspect import describe_bundle


@dataclass(frozen=True, slots=True)
class BundleDestination:
    """The folder of a new bundle. A bundle that exists there is replaced only with `force`."""

    path: Path
    force: bool = False

    def check(self) -> None:
        """Check the path before hours of training. Raises: BundleError when it must not be written."""
        require_free(self.path, force=self.force)

    def publish(self, model: Model, progress: Progress = silent) -> str:
        """Write `model` with the time of its creation; return the summary that the command prints.

        What is doubtful about the training is said on standard error.

        Raises: BundleError when the path must not or cannot be written.
        """
        # SOURCE_DATE_EPOCH is the convention of reproducible builds (reproducible-builds.org): with it, two
        # bundles trained from the same corpus and seed are equal byte for byte.
        seconds = float(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
        created = datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds")
        write_bundle(self.path, replace(model, created=created), force=self.force, progress=progress)
        for warning in model.training.get("warnings", ()):
            click.echo(f"Warning: {warning}", err=True)
        return f"{self.path} is ready:\n\n{describe_bundle(self.path, verify=False)}"


@contextmanager
def open_output(path: Path | None, *, force: bool) -> Iterator[BinaryIO]:
    """Yield a file to write to; it is renamed to `path` when the block ends, and removed when it raises.

    Without a path that is standard output.

    Raises: FileExistsError when `path` exists and `force` is false, OSError when it cannot be written.
    """
    if path is None:
        yield sys.stdout.buffer
        return
    if path.exists() and not force:
        raise FileExistsError(errno.EEXIST, "exists; --force replaces it", str(path))
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with draft.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
