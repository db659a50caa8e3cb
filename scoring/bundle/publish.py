"""Folders that appear whole or not at all.

A draft is written beside its destination, on the same file system; every file and the folder itself are flushed to
the disk; one rename publishes it. After an error before that, the draft is removed. Readers never see a half-written
folder, and a replaced folder stays readable for processes that have its files open.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scoring.bundle.manifest import MANIFEST_FILE, FileRecord
from scoring.errors import BundleError


class Draft:
    """A folder that is being written, and the size and checksum of every file added so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: dict[str, FileRecord] = {}

    def add(self, name: str, chunks: Iterable[bytes | memoryview]) -> None:
        """Write one new file from `chunks`, flush it to the disk and record it.

        Raises: OSError when the disk is full or the file cannot be written.
        """
        digest = hashlib.sha256()
        size = 0
        with (self._folder / name).open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
            file.flush()
            os.fsync(file.fileno())
        self.files[name] = FileRecord(size=size, sha256=digest.hexdigest())


@contextmanager
def publishing(path: Path, *, force: bool = False) -> Iterator[Draft]:
    """Yield a draft that becomes the folder at `path` when the block ends, and is removed when it raises.

    With `force` an existing bundle is replaced by two renames: for some microseconds there is no bundle, but never a
    mixed one. A file or folder that is no bundle is not replaced.

    Raises: BundleError when `path` is taken, or cannot be written.
    """
    path = Path(os.path.realpath(path))
    require_free(path, force=force)
    folder = path.with_name(f".{path.name}.{secrets.token_hex(4)}.draft")
    try:
        folder.mkdir(parents=True)
        yield Draft(folder)
        _flush_folder(folder)
        _move(folder, path, force=force)
        _flush_folder(path.parent)
    except OSError as error:
        raise BundleError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def require_free(path: Path, *, force: bool) -> None:
    """Raise BundleError unless `path` is free, or is a bundle and `force` is given."""
    try:
        if not path.exists():
            return
    except OSError as error:
        raise BundleError(f"{path}: cannot be written: {error.strerror}") from error
    if not force:
        raise BundleError(f"{path}: exists already; use --force to replace it")
    if not (path / MANIFEST_FILE).is_file():
        raise BundleError(f"{path}: exists and is no bundle, so it is not replaced")


def _move(folder: Path, path: Path, *, force: bool) -> None:
    """Rename `folder` to `path`; with `force`, move an old bundle aside first, and back if the rename fails."""
    if not (force and path.exists()):
        folder.rename(path)
        return
    aside = folder.with_suffix(".replaced")
    try:
        path.rename(aside)
        folder.rename(path)
    except BaseException:
        if aside.exists() and not path.exists():
            aside.rename(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
