"""A worker's bundles: the one at the client's path, where it is the same, or one that was sent and is kept by digest.

    <beside the worker's own folder>/scorepool-bundles/<digest>/    complete, checked, never changed
    …/scorepool-bundles/.<digest>.<process>/                         being received

Everything here runs in workers, in any of their threads. Workers of one machine share the folder.
"""

import os
import shutil
import threading
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from distributed import get_worker

from scoring.bundle.bundle import open_bundle, open_verified
from scoring.bundle.files import BundleFiles
from scoring.errors import BundleError
from scoring.pipeline import Scorer
from service.cluster.errors import BundleMissing, ClusterError


class BundleSource(NamedTuple):
    """A bundle as tasks name it. path: where the client has it, and a worker may have it, too."""

    path: str
    digest: str


def scorer_of(source: BundleSource) -> Scorer:
    """Return this thread's scorer with a bundle, opened once. Raises: BundleMissing."""
    return _opened(source, _folder(source.digest), threading.get_ident())


# A scorer belongs to one thread; a worker has a few of them, and rarely works for two clients at once.
@lru_cache(maxsize=64)
def _opened(source: BundleSource, sent: Path, _thread: int) -> Scorer:
    for path in (sent, Path(source.path)):
        try:
            bundle = open_bundle(path)
        except BundleError:
            continue
        if bundle.digest == source.digest:
            return Scorer(bundle)
    raise BundleMissing(get_worker().address)


def has_bundle(source: BundleSource) -> bool:
    """Return whether this worker can open the bundle."""
    try:
        scorer_of(source)
    except BundleMissing:
        return False
    return True


def receive(digest: str, name: str, offset: int, content: bytes) -> None:
    """Write a piece of one file of a bundle that is being received. Raises: ClusterError."""
    draft = _draft(digest)
    try:
        draft.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft / name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            written = 0
            while written < len(content):
                written += os.pwrite(descriptor, content[written:], offset + written)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ClusterError(f"a worker cannot keep the bundle: {draft}: {error.strerror}") from error


def publish(digest: str) -> None:
    """Check every file of a bundle that was received by its SHA-256, and keep it. Raises: ClusterError."""
    draft, path = _draft(digest), _folder(digest)
    try:
        files: BundleFiles = open_verified(draft)
        files.close()
        if files.digest != digest:
            raise ClusterError(f"a worker received the bundle {files.digest} in place of {digest}")
        draft.rename(path)
    except (BundleError, OSError) as error:
        # Another worker of this machine may have been quicker: then the folder is there, complete.
        if not path.is_dir():
            raise ClusterError(f"a worker cannot keep the bundle: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _folder(digest: str) -> Path:
    return Path(get_worker().local_directory).parent / "scorepool-bundles" / digest.removeprefix("sha256:")


def _draft(digest: str) -> Path:
    folder = _folder(digest)
    return folder.with_name(f".{folder.name}.{os.getpid()}")
