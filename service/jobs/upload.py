"""A corpus on its way from the network to the disk: never more of it in memory than one piece.

    pieces of a body ── a megabyte at a time ─→ a thread: hash, write ─→ spool file

While the thread writes, no piece is asked for, and the connection stops reading.
"""

import os
from collections.abc import AsyncIterable, Callable
from functools import partial
from hashlib import sha256
from threading import Lock
from typing import TypeVar

from service.errors import Refused
from service.jobs.state_folder import StateFolder, reported
from service.pool.daemon_threads import run_blocking

WRITE_BYTES = 1024 * 1024

T = TypeVar("T")


class Upload:
    """One corpus that is received. size: bytes so far."""

    def __init__(self, folder: StateFolder, name: str, most: int) -> None:
        """`most`: the bytes that it may have."""
        self.path = folder.spool / name
        self.size = 0
        self._folder = folder
        self._most = most
        self._hash = sha256()
        self._file: int | None = None
        # A thread that writes goes on when the task that waits for it is cancelled, and must not find the descriptor
        # closed: its number may be another file's then.
        self._lock = Lock()
        self._removed = False

    @property
    def digest(self) -> bytes:
        """The hash of all that makes two uploads the same job."""
        return self._hash.digest()

    async def receive(self, pieces: AsyncIterable[bytes], about: bytes) -> None:
        """Receive a body to its end. `about`: what came with it; it is hashed, too.

        Raises: Refused (`body_too_large`), StorageError, and what `pieces` raise.
        """
        self._hash.update(b"%d:%b" % (len(about), about))
        await _blocking(self._create)
        waiting: list[bytes] = []
        size = 0
        async for piece in pieces:
            self.size += len(piece)
            size += len(piece)
            if self.size > self._most:
                raise too_large(self._most)
            waiting.append(piece)
            if size >= WRITE_BYTES:
                await _blocking(partial(self._write, waiting, size))
                waiting, size = [], 0
        await _blocking(partial(self._write, waiting, size))

    def remove(self) -> None:
        """Delete what was received; blocks."""
        with self._lock:
            self._removed = True
            descriptor, self._file = self._file, None
            if descriptor is not None:
                os.close(descriptor)
                self.path.unlink(missing_ok=True)

    def _create(self) -> None:
        with self._lock:
            if not self._removed:
                self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def _write(self, pieces: list[bytes], size: int) -> None:
        with self._lock:
            if self._file is None:
                return  # nobody waits for it any more
            self._folder.check_room(size)
            for piece in pieces:
                self._hash.update(piece)
                at = 0
                while at < len(piece):
                    at += os.write(self._file, piece[at:])


def too_large(most: int) -> Refused:
    """Return the refusal of a corpus that is sent with more than `most` bytes."""
    return Refused(
        "body_too_large", f"the corpus has more than {most} bytes as it is sent; split it, or compress it"
    )


async def _blocking(call: Callable[[], T]) -> T:
    with reported():
        return await run_blocking(call)
