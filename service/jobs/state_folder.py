"""The folder of `state_dir`, which belongs to one server at a time.

    <state_dir>/lock            held by the server that uses it
                jobs.sqlite3    the store
                jobs/<id>/      a job's folder: see `scoring.corpora.folder`
                spool/<id>      a corpus as it is received
                removed/        what is being deleted

Everything here but `free` and `paths` touches the disk and belongs in a thread.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from service.errors import StartError
from service.jobs.errors import StorageError

# What says that there is no room: of the disk, or of a quota on it.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class StateFolder:
    """One server's `state_dir`, locked until `close`. reserve: bytes of the disk that are always left free."""

    def __init__(self, path: Path, reserve: int = 0) -> None:
        """Make what is not there. Raises: StartError when it cannot be used, or another server uses it."""
        self.path = path
        self.reserve = reserve
        try:
            for folder in (path, self.jobs, self.spool, self._removed):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(f"state_dir: {path} cannot be used: {error.strerror}") from error
        self._take_lock()

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._lock, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._lock)
            raise StartError(
                f"state_dir: {self.path} is used by another server (process {owner}); give each its own"
            ) from error
        with suppress(OSError):  # it is for a message alone, and the disk may be full
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, b"%d\n" % os.getpid(), 0)

    @property
    def database(self) -> Path:
        """The file of the store."""
        return self.path / "jobs.sqlite3"

    @property
    def jobs(self) -> Path:
        """The folder of the jobs' folders."""
        return self.path / "jobs"

    @property
    def spool(self) -> Path:
        """Where corpora are received."""
        return self.path / "spool"

    @property
    def _removed(self) -> Path:
        return self.path / "removed"

    def job(self, name: str) -> Path:
        """Return the folder of a job, which may not be there."""
        return self.jobs / name

    def check_room(self, size: int = 1) -> None:
        """Check that `size` bytes may be written. Raises: StorageError with `full`."""
        check_room(self.path, self.reserve, size)

    def names(self) -> list[str]:
        """Return the names of the jobs' folders."""
        return [entry.name for entry in self.jobs.iterdir()]

    def clean(self) -> None:
        """Delete what a server before this one was receiving or deleting."""
        for folder in (self.spool, self._removed):
            for entry in folder.iterdir():
                _delete(entry)

    def remove(self, name: str) -> None:
        """Delete the folder of a job, if there is one; at once for everyone who looks for it."""
        doomed = self._removed / name
        with suppress(FileNotFoundError):
            self.job(name).rename(doomed)
        _delete(doomed)

    def close(self) -> None:
        """Let another server use it."""
        os.close(self._lock)


def check_room(path: Path, reserve: int, size: int) -> None:
    """Check that the disk of `path` has room for `size` bytes beside the reserve. Raises: StorageError with `full`."""
    with reported():
        usage = os.statvfs(path)
    room = max(0, usage.f_bavail * usage.f_frsize - reserve)
    if room < size:
        detail = f"the disk of state_dir has room for {room} bytes, without the {reserve} that are kept free"
        raise StorageError(detail, full=True)


def size_of(folder: Path) -> int:
    """Return the bytes that the files below a folder take of the disk, as far as they can be seen."""
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(base) / name).stat().st_blocks * 512
    return total


def sync_tree(folder: Path) -> None:
    """Have every file below a folder, and the folder's own name, on disk. Raises: StorageError."""
    with reported():
        for base, _, names in os.walk(folder):
            for path in (*(Path(base) / name for name in names), Path(base)):
                _sync(path)
        _sync(folder.parent)


@contextmanager
def reported() -> Iterator[None]:
    """Raise StorageError in place of OSError."""
    try:
        yield
    except OSError as error:
        name = Path(error.filename).name if isinstance(error.filename, str) else "a file"
        raise StorageError(f"state_dir: {name}: {error.strerror}", full=error.errno in FULL) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
