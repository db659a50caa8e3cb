"""Writes the log's lines without ever waiting for whoever reads them.

    any thread ── write(line) ──→ bounded buffer ──→ its own thread ── os.write ──→ stderr

A terminal, a pipe or a log collector that has stopped reading blocks the next write to it for ever. Here it
blocks a thread that does nothing else; lines that find no room are dropped and counted, and when the reader
comes back a line says how many.
"""

import os
import select
import threading
import time
from collections.abc import Callable, Iterator

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
        # One buffer and no list of lines: orjson's small results keep the kilobytes that they were made in.
        self._waiting = bytearray()
        self._unwritten = 0
        self._told = 0
        self._closing = False
        self._wanted = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Take a line, with its line break. Never waits for the reader; costs under a microsecond."""
        with self._lock:
            if self._closing or len(self._waiting) + self._unwritten + len(line) > self._capacity:
                self.dropped += 1
            else:
                self._waiting += line
        if not self._wanted.is_set():
            self._wanted.set()

    def close(self, timeout_s: float = 1.0) -> None:
        """Take no more lines and write what is waiting, as far as the reader lets us within `timeout_s`."""
        with self._lock:
            self._closing = True
        self._wanted.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._closing:
            self._wanted.wait()
            if not self._closing:
                time.sleep(GATHER_S)
            self._wanted.clear()
            self._write_waiting()
        self._write_waiting()
        os.close(self._fd)

    def _write_waiting(self) -> None:
        with self._lock:
            lines, self._waiting = self._waiting, bytearray()
            # What a stalled reader holds up is waiting, too.
            self._unwritten = len(lines)
            untold, self._told = self.dropped - self._told, self.dropped
        for piece in _pieces(lines):
            written = _write(self._fd, piece)
            with self._lock:
                self._unwritten -= len(piece)
                self.dropped += 0 if written else piece.count(b"\n")
        if untold and self._notice:
            _write(self._fd, self._notice(untold))


def _pieces(lines: bytes | bytearray) -> Iterator[bytes]:
    """Cut lines into as many at a time as one atomic write takes, but at least one."""
    at = 0
    while at < len(lines):
        end = lines.rfind(b"\n", at, at + ATOMIC_BYTES) + 1 or lines.index(b"\n", at) + 1
        yield bytes(lines[at:end])
        at = end


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
