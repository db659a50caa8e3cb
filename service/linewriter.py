"""Writes the log's lines without ever waiting for whoever reads them.

    any thread ── write(line) ──→ bounded list ──→ its own thread ── os.write ──→ stderr

A terminal, a pipe or a log collector that has stopped reading blocks the next write to it for ever. Here it
blocks a thread that does nothing else; lines that find no room are dropped and counted, and when the reader
comes back a line says how many.
"""

import os
import select
import threading
import time
from collections.abc import Callable, Iterable, Iterator

# About ten thousand requests: several seconds at full load.
CAPACITY_BYTES = 4 * 1024 * 1024

# POSIX's PIPE_BUF on Linux: up to there a write to a pipe is not mixed with what other processes write.
ATOMIC_BYTES = 4096

# How long lines are collected before they are written together. A thread that wakes for each line takes the
# interpreter's lock from the event loop each time.
GATHER_S = 0.01


class LineWriter:
    """Writes lines to a file descriptor from a thread of its own. Any thread may call it."""

    def __init__(
        self, fd: int, *, capacity: int = CAPACITY_BYTES, notice: Callable[[int], bytes] | None = None
    ) -> None:
        """Start the thread. `capacity`: bytes that may wait; `notice`: the line about dropped ones."""
        self.dropped = 0
        # Its own: a number that was closed elsewhere may be another file by the time the reader comes back.
        self._fd = os.dup(fd)
        self._capacity = capacity
        self._notice = notice
        self._lock = threading.Lock()
        self._lines: list[bytes] = []
        self._size = 0
        self._told = 0
        self._closing = False
        self._waiting = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Take a line, with its line break. Never waits for the reader; costs under a microsecond."""
        with self._lock:
            if self._closing or self._size + len(line) > self._capacity:
                self.dropped += 1
            else:
                self._lines.append(line)
                self._size += len(line)
        if not self._waiting.is_set():
            self._waiting.set()

    def close(self, timeout_s: float = 1.0) -> None:
        """Take no more lines and write what is waiting, as far as the reader lets us within `timeout_s`."""
        with self._lock:
            self._closing = True
        self._waiting.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._closing:
            self._waiting.wait()
            if not self._closing:
                time.sleep(GATHER_S)
            self._waiting.clear()
            self._write_waiting()
        self._write_waiting()
        os.close(self._fd)

    def _write_waiting(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
            untold, self._told = self.dropped - self._told, self.dropped
        for piece in _pieces(lines):
            written = _write(self._fd, piece)
            with self._lock:
                # Only now is there room again: what a stalled reader holds up is waiting, too.
                self._size -= len(piece)
                self.dropped += 0 if written else piece.count(b"\n")
        if untold and self._notice:
            _write(self._fd, self._notice(untold))


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Join lines as far as one atomic write goes."""
    gathered: list[bytes] = []
    size = 0
    for line in lines:
        if gathered and size + len(line) > ATOMIC_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
        gathered.append(line)
        size += len(line)
    if gathered:
        yield b"".join(gathered)


def _write(fd: int, piece: bytes) -> bool:
    """Write all of `piece`, however long that takes; return False when nobody can ever read it."""
    view = memoryview(piece)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            # Somebody who shares the terminal or pipe has made it non-blocking.
            select.select((), (fd,), ())
        except OSError:
            return False
    return True
