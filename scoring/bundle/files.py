"""The files of one bundle, opened once and held: what happens to the folder afterwards changes nothing.

An open file outlives its name: a folder that is deleted or replaced by a rename leaves the descriptors as they are.
Only a write into a file itself damages a held bundle: its readers see the new bytes, and SIGBUS kills those that
touch a page beyond the new end. `damage` finds that by the files' sizes and times of modification, `check` by their
content.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from scoring.bundle.manifest import MANIFEST_FILE, Manifest, decode_manifest
from scoring.errors import BundleError
from scoring.progress import Progress, silent

# The manifest and the terms are read into memory; no real ones are larger.
_MAX_JSON_BYTES = 64 << 20
# Bytes read at a time while a checksum is computed.
_HASH_CHUNK_BYTES = 1 << 20

_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


# Device, inode, size and modification time (ns) of each file, in the manifest's order.
FileState = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Damage:
    """One file that is not what the manifest says: its size now and then, in bytes, and the fault as a predicate."""

    file: str
    size: int
    expected: int
    fault: str

    def __str__(self) -> str:
        """Return one sentence without the folder's path."""
        return f"{self.file} {self.fault}"


class BundleFiles:
    """The open files of one bundle; owns their descriptors until `close`.

    path: of the folder, to name it in errors. raw: the manifest as bytes. descriptors: of every file that the manifest
    lists, by name. digest: `sha256:` and the hash of the manifest, which holds the checksums of all other files,
    so equal digests mean equal content.

    The descriptors may be shared with other processes, so nothing here moves their file offsets. Any thread may call
    `damage`, `state` and `check`.
    """

    def __init__(self, path: Path, raw: bytes, descriptors: Mapping[str, int]) -> None:
        """Take over `descriptors`. Raises: ValueError when `raw` is no manifest, OSError."""
        self.path = path
        self.raw = raw
        self.manifest = decode_manifest(raw)
        self.digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        self.descriptors = dict(descriptors)
        self._checked = {name: self._status(name) for name in descriptors}

    def close(self) -> None:
        """Close the descriptors; what was mapped through them stays mapped. A second call does nothing."""
        descriptors, self.descriptors = self.descriptors, {}
        for descriptor in descriptors.values():
            os.close(descriptor)

    def read(self, name: str) -> bytes:
        """Return the content of a small file. Raises: ValueError for one of a wrong size or a large one, OSError."""
        self.size(name)
        return _read(self.descriptors[name])

    def size(self, name: str) -> int:
        """Return the size of a file in bytes. Raises: ValueError when it is not that of the manifest, OSError."""
        return _require_size(self.descriptors[name], self.manifest.files[name].size)

    def state(self) -> FileState:
        """Return what changes when a file is written to, or replaced by another. Raises: OSError."""
        return tuple([self._status(name) for name in self.manifest.files])

    def damage(self) -> Damage | None:
        """Return a file that has another size than the manifest says, or was written to since it was opened or checked.

        Microseconds on a local disk: no content is read.
        """
        return self._first_damage(_no_fault) or self._first_damage(self._write_fault)

    def check(self, progress: Progress = silent) -> Damage | None:
        """Return a file that differs from the manifest by size or SHA-256; takes about a second per GB.

        `progress` is told in bytes. When all files are right, `damage` looks for writes after this check.
        """
        checked: dict[str, tuple[int, ...]] = {}
        total = sum(record.size for record in self.manifest.files.values())

        def content_fault(name: str) -> str:
            # Before the content is read: a write in the meantime is one after the check.
            checked[name] = self._status(name)
            done = sum(self.manifest.files[each].size for each in checked) - self.manifest.files[name].size
            return self._content_fault(name, lambda read: progress("verify", done + read, total))

        damage = self._first_damage(_no_fault) or self._first_damage(content_fault)
        if damage is None:
            self._checked = checked
        return damage

    def verify(self, progress: Progress = silent) -> None:
        """Check every file as `check` does. Raises: BundleError in one sentence that names the file and the fault."""
        damage = self.check(progress)
        if damage is not None:
            raise BundleError(f"{self.path / damage.file}: {damage.fault}")

    def _first_damage(self, fault_of: Callable[[str], str]) -> Damage | None:
        """Return the first file of another size, or for whose name `fault_of` returns a fault."""
        for name, record in self.manifest.files.items():
            size = 0
            try:
                size = os.fstat(self.descriptors[name]).st_size
                fault = _size_fault(size, record.size) or fault_of(name)
            except OSError as error:
                fault = f"cannot be read: {error.strerror or error}"
            if fault:
                return Damage(name, size, record.size, fault)
        return None

    def _status(self, name: str) -> tuple[int, ...]:
        status = os.fstat(self.descriptors[name])
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    def _write_fault(self, name: str) -> str:
        return "" if self._status(name) == self._checked[name] else "was written to and is not checked yet"

    def _content_fault(self, name: str, progress: Callable[[int], None]) -> str:
        digest = hashlib.sha256()
        offset = 0
        while block := os.pread(self.descriptors[name], _HASH_CHUNK_BYTES, offset):
            digest.update(block)
            offset += len(block)
            progress(offset)
        if digest.hexdigest() == self.manifest.files[name].sha256:
            return ""
        return "does not have the checksum that the manifest says; it was damaged or changed"


def open_files(path: Path) -> BundleFiles:
    """Open the files of the bundle at `path` after checking the manifest, and that each is a file of its size.

    All are opened through one descriptor of the folder, so files of a bundle that replaces this one meanwhile are
    never mixed in.

    Raises: BundleError in one sentence that names the file and the fault.
    """
    with named(path):
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with ExitStack() as folder_closed, ExitStack() as files_closed:
        folder_closed.callback(os.close, folder)
        raw, manifest = _read_manifest(path, folder)
        descriptors: dict[str, int] = {}
        for name, record in manifest.files.items():
            with named(path / name):
                descriptors[name] = _open_file(folder, name)
                files_closed.callback(os.close, descriptors[name])
                _require_size(descriptors[name], record.size)
        files = BundleFiles(path, raw, descriptors)
        files_closed.pop_all()
        return files


@contextmanager
def opened_files(path: Path) -> Iterator[BundleFiles]:
    """Open files as `open_files` does, and close them at the end."""
    files = open_files(path)
    try:
        yield files
    finally:
        files.close()


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Turn an error that the file at `path` causes into a BundleError that names the file."""
    try:
        yield
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RuntimeError, msgspec.DecodeError) as error:
        raise BundleError(f"{path}: {error}") from error


def _read_manifest(path: Path, folder: int) -> tuple[bytes, Manifest]:
    with named(path / MANIFEST_FILE):
        descriptor = _open_file(folder, MANIFEST_FILE)
        try:
            raw = _read(descriptor)
        finally:
            os.close(descriptor)
        return raw, decode_manifest(raw)


def _read(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    if size > _MAX_JSON_BYTES:
        raise ValueError(f"has {size} bytes, at most {_MAX_JSON_BYTES} are read")
    return os.pread(descriptor, size, 0)


def _open_file(folder: int, name: str) -> int:
    """Return the descriptor of a file of a folder; refuse links, pipes and devices."""
    # O_NONBLOCK: if the file is a pipe, opening it must not wait for a writer.
    descriptor = os.open(name, _OPEN_FLAGS, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("is no regular file")
    return descriptor


def _require_size(descriptor: int, expected: int) -> int:
    size = os.fstat(descriptor).st_size
    if fault := _size_fault(size, expected):
        raise ValueError(fault)
    return size


def _no_fault(name: str) -> str:
    """Find nothing beyond a wrong size."""
    return ""


def _size_fault(size: int, expected: int) -> str:
    return "" if size == expected else f"has {size} bytes instead of {expected}; it was cut off or changed"
