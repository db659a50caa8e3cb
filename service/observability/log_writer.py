"""Writes the log's lines from a thread, so that a slow reader of the log never delays the event loop.

    any thread ── write(line) ──→ bounded buffer ──→ writer thread ── os.write ──→ stderr

A terminal, a pipe or a log collector that has stopped reading blocks a write to it without limit. Here that
blocks only the writer thread. Lines that do not fit into the buffer are dropped and counted, and once the reader
reads again, a line says how many were dropped.

Why not `logging.handlers.QueueHandler` and `QueueListener`: they cost the event loop about 26 µs a line, this
1.5 µs (`python -m bench telemetry`, rows "a ready line by …"; Python 3.11), and their bounded queue reports an
overflow by printing a traceback to the very stream that is blocked.
"""

import os
import select
import threading
import time
from collections.abc import Callable, Iterator

# Room for the lines of about ten thousand requests: several seconds at full load.
CAPACITY_BYTES = 4 * 1024 * 1024

# PIPE_BUF on Linux (pipe(7)): a write of at most so many bytes to a pipe is not mixed with those of other processes.
ATOMIC_BYTES = 4096

# Seconds for which lines are collected before they are written together. A thread that woke for each line would
# take the interpreter's lock (GIL) from the event loop each time.
GATHER_S = 0.01


class LineWriter:
    """Writes lines to a file descriptor from its own thread. Any thread may call it."""

    def __init__(
        self, fd: int, *, capacity: int = CAPACITY_BYTES, notice: Callable[[int], bytes] | None = None
    ) -> None:
        """Start the thread.

        capacity: bytes of lines that may wait to be written.
        notice: returns the line to write about so many dropped lines; by default none is written.
        """
        self.dropped = 0
        # A duplicate: if the caller closes `fd` while a write is blocked, its number may come to mean another file.
        self._fd = os.dup(fd)
        self._capacity = capacity
        self._notice = notice
        self._lock = threading.Lock()
        # One buffer instead of a list of lines: a small result of orjson keeps its allocation of some kilobytes.
        self._waiting = bytearray()
        self._being_written = 0
        self._reported = 0
        self._closing = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Add a line, which ends with a line break, to the buffer, or drop it. Never waits for the reader."""
        with self._lock:
            if self._closing or len(self._waiting) + self._being_written + len(line) > self._capacity:
                self.dropped += 1
            else:
                self._waiting += line
        if not self._wake.is_set():
            self._wake.set()

    def close(self, timeout_s: float = 1.0) -> None:
        """Accept no more lines; write those in the buffer, for at most `timeout_s` seconds."""
        with self._lock:
            self._closing = True
        self._wake.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait()
            if not self._closing:
                time.sleep(GATHER_S)
            self._wake.clear()
            self._write_waiting()
        self._write_waiting()
        os.close(self._fd)

    def _write_waiting(self) -> None:
        with self._lock:
            lines, self._waiting = self._waiting, bytearray()
            # Lines that a stalled reader holds up count towards the capacity too.
            self._being_written = len(lines)
            unreported, self._reported = self.dropped - self._reported, self.dropped
        for piece in _pieces(lines):
            written = _write(self._fd, piece)
            with self._lock:
                self._being_written -= len(piece)
                self.dropped += 0 if written else piece.count(b"\n")
        if unreported and self._notice:
            _write(self._fd, self._notice(unreported))


def _pieces(lines: bytes | bytearray) -> Iterator[bytes]:
    """Split into pieces of whole lines: as many as one atomic write takes, at least one."""
    at = 0
    while at < len(lines):
        end = lines.rfind(b"\n", at, at + ATOMIC_BYTES) + 1 or lines.index(b"\n", at) + 1
        yield bytes(lines[at:end])
        at = end


def _write(fd: int, piece: bytes) -> bool:
    """Write all of `piece`, however long that takes; return False when the reader is gone for good."""
    view = memoryview(piece)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            # Another process that shares the terminal or pipe has made it non-blocking.
            select.select((), (fd,), ())
        except OSError:
            return False
    return True
