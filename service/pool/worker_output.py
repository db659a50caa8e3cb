"""What workers print, as lines of the service's log with the number of their slot.

    worker: descriptors 1 and 2 ── pipe ──→ one thread of the server ──→ log: `worker_output` slot, line

One thread reads the pipes of all workers, so that a worker that prints without end costs the event loop nothing. It
reads each at most once in `PAUSE_S`: that long, and no longer, a worker may wait for room in its pipe. Of each slot
at most `LINES_PER_S` lines are logged; the rest is counted. Long lines are cut.
"""

import fcntl
import logging
import os
import re
import select
import threading
import time
from contextlib import suppress
from functools import cache

logger = logging.getLogger(__name__)

# Characters of a line that are logged.
MAX_LINE = 1_000

# Of each slot: enough for the traceback of a crash and the progress of a load.
LINES_PER_S = 50

PAUSE_S = 0.01

# A worker that prints less between two reads never waits.
PIPE_BYTES = 256 * 1024

_NEWLINES = re.compile(rb"\n+")

# How often the count of dropped lines is looked at while nothing is printed.
_CHECK_S = 1.0


@cache
def output_reader() -> "OutputReader":
    """Return the reader of this process, started by the first call."""
    return OutputReader()


class OutputReader:
    """Reads pipes until their last writer is gone. Any thread may call it."""

    def __init__(self) -> None:
        self._streams: dict[int, WorkerOutput] = {}
        self._epoll = select.epoll()
        threading.Thread(target=self._run, name="worker output", daemon=True).start()

    def open_pipe(self, slot: int | None) -> tuple[int, "WorkerOutput"]:
        """Return the descriptor that a new worker writes to, and its output; close it once the worker has its own."""
        reading, writing = os.pipe2(os.O_CLOEXEC)
        with suppress(OSError):  # a user's pipes may have reached their limit, `pipe-user-pages-soft`
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._streams[reading] = output = WorkerOutput(slot)
        self._epoll.register(reading, select.EPOLLIN)
        return writing, output

    def _run(self) -> None:
        while True:
            for fd, _ in self._epoll.poll(_CHECK_S):
                self._read(fd)
            for stream in list(self._streams.values()):
                stream.report_dropped(time.monotonic())
            time.sleep(PAUSE_S)

    def _read(self, fd: int) -> None:
        stream = self._streams[fd]
        read = os.read(fd, PIPE_BYTES)
        if read:
            stream.take(read, time.monotonic())
            return
        stream.end(time.monotonic())
        self._epoll.unregister(fd)
        del self._streams[fd]
        os.close(fd)


class WorkerOutput:
    """The output of one worker: an unfinished line, and what may be logged in this second.

    slot: the worker's, None while it is a spare one.
    """

    def __init__(self, slot: int | None) -> None:
        self.slot = slot
        self._begun = b""
        self._second = 0.0
        self._logged = self._dropped = 0

    def take(self, read: bytes, now: float) -> None:
        """Log the lines that are complete."""
        self.report_dropped(now)
        room = LINES_PER_S - self._logged
        *lines, rest = _NEWLINES.sub(b"\n", self._begun + read).split(b"\n", room)
        for line in lines:
            self._log(line, now)
        if (last := rest.rfind(b"\n")) >= 0:
            # Not one by one: a hundred thousand lines would keep the event loop's thread from running.
            self._dropped += rest.count(b"\n")
            rest = rest[last + 1 :]
        # Of a line without an end only its beginning is kept.
        self._begun = rest[: 4 * MAX_LINE]

    def end(self, now: float) -> None:
        """Log what is left."""
        self._log(self._begun, now)
        self.report_dropped(now + 1.0)

    def report_dropped(self, now: float) -> None:
        """Begin another second if this one is over, and log how many lines it had too many."""
        if now < self._second + 1.0:
            return
        if self._dropped:
            logger.warning("worker_output_dropped", extra={"slot": self.slot, "lines": self._dropped})
        self._second, self._logged, self._dropped = now, 0, 0

    def _log(self, line: bytes, now: float) -> None:
        text = line.decode(errors="replace").strip()
        if not text:
            return
        self.report_dropped(now)
        if self._logged >= LINES_PER_S:
            self._dropped += 1
            return
        self._logged += 1
        logger.info("worker_output", extra={"slot": self.slot, "line": text[:MAX_LINE]})
