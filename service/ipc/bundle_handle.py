"""The bundle on its way to the workers: the server holds its files open, and each new worker gets the descriptors.

    server   BundleHandle(files)   ── pickled while a process is spawned: DupFd ──→   worker   BundleFiles

A worker never opens a path, so it gets the bundle that the server opened, also when the folder was deleted or replaced.
"""

from collections.abc import Mapping
from multiprocessing import reduction
from pathlib import Path

from scoring.bundle.files import BundleFiles
from service.ipc.shared_memory import Descriptor


class BundleHandle:
    """One bundle for all workers that are started with it: `files`, which may be exchanged for restored ones.

    A worker keeps what it was started with. Close files in the thread that starts workers, so that none is being
    started with them.
    """

    def __init__(self, files: BundleFiles) -> None:
        self.files = files

    def close(self) -> None:
        """Close the files; no worker can be started with them any more."""
        self.files.close()

    def __reduce__(self) -> tuple[object, ...]:
        """Become `BundleFiles` in the new process."""
        files = self.files
        # Made at this moment, they put the descriptors among those that the new process is given.
        duplicates = {name: reduction.DupFd(fd) for name, fd in files.descriptors.items()}
        return _attach, (files.path, files.raw, duplicates)


def _attach(path: Path, raw: bytes, duplicates: Mapping[str, Descriptor]) -> BundleFiles:
    return BundleFiles(path, raw, {name: duplicate.detach() for name, duplicate in duplicates.items()})
