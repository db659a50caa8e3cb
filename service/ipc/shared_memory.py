"""The shared memory between the server and one worker process, with an `eventfd` in either direction.

    0          call_at      begun_at         report_at      answers_at             size
    ├─ inbox ──┼─ call ─────┼─ begun ────────┼─ report ─────┼─ answers ─────────────┤
     bodies     one message  number of the    one message    one after the other
     server →   server →     call  ← worker   ← worker       ← worker

An arena belongs to one worker process and ends with it, so a worker that is dead, or will not die, can never
write where its successor does. Who may write when: the server, while no call is in flight, into the inbox and
the call; the worker, while a call is in flight, into the rest. Each ends its turn by writing the length of its
message to the other's `eventfd`.

It is a `memfd` of its full size from the start, and no page of it exists before it is touched: it grows by
use and `trim` gives pages back. Its size is sealed. Without the seal a stray `ftruncate` in a worker would
end the server with SIGBUS at its next read.
"""

import errno
import fcntl
import mmap
import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import accumulate
from multiprocessing import reduction
from struct import Struct
from typing import Protocol

from service.errors import ServiceError

# Pages up to here stay in each region between calls. Most requests fit, and touching warm pages is about five
# times faster than having them made.
KEPT_BYTES = 2 * 1024 * 1024

# A report has about 200 bytes for each job of a batch, and a few for each cluster that occurs.
REPORT_BYTES = 256 * 1024

# A call has about 20 bytes for each job of a batch.
CALL_BYTES = 16 * 1024

# linux/memfd.h, since Linux 6.3; Python has no name for it yet. `vm.memfd_noexec=2` forbids memory without it.
_MFD_NOEXEC_SEAL = 0x0008

_NUMBER = Struct("Q")


class ArenaError(ServiceError):
    """A span that does not lie in the arena."""


def create_memory(name: str) -> int:
    """Return the descriptor of new memory whose size can be sealed. Raises: OSError."""
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(name, flags | _MFD_NOEXEC_SEAL)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return os.memfd_create(name, flags)  # an older kernel


class Layout:
    """Where the regions of an arena begin, in bytes; each begins on a page."""

    def __init__(self, inbox_bytes: int, answers_bytes: int) -> None:
        self.call_at = _whole_pages(inbox_bytes)
        self.begun_at = self.call_at + _whole_pages(CALL_BYTES)
        self.report_at = self.begun_at + _NUMBER.size
        self.answers_at = self.begun_at + _whole_pages(_NUMBER.size + REPORT_BYTES)
        self.size = self.answers_at + _whole_pages(answers_bytes)


class EventFd:
    """An `eventfd`: one side writes a number of 1 or more, the other reads it once."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def write(self, number: int) -> None:
        """Wake the other side; never waits."""
        os.eventfd_write(self.fd, number)

    def wait(self) -> int:
        """Wait for the number."""
        return os.eventfd_read(self.fd)

    def poll(self) -> int:
        """Return the number, 0 for none; needs a descriptor that does not block."""
        try:
            return os.eventfd_read(self.fd)
        except BlockingIOError:
            return 0


class Arena:
    """The server's side. Everything but its construction costs no more than a copy of the bytes.

    `reported` is written by the worker at the end of a call.
    """

    def __init__(self, inbox_bytes: int, answers_bytes: int) -> None:
        self.layout = Layout(inbox_bytes, answers_bytes)
        with ExitStack() as opened:
            self._fd = create_memory("scorepool-arena")
            opened.callback(os.close, self._fd)
            os.ftruncate(self._fd, self.layout.size)
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
            fcntl.fcntl(self._fd, fcntl.F_ADD_SEALS, seals)
            self._map = mmap.mmap(self._fd, self.layout.size)
            opened.callback(self._map.close)
            self.reported = EventFd(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
            opened.callback(os.close, self.reported.fd)
            self._called = EventFd(os.eventfd(0))
            opened.pop_all()
        self._kept = ((0, self.layout.call_at), (self.layout.answers_at, self.layout.size))
        self._grown = False

    def handle(self) -> "ArenaHandle":
        """Return what a worker's initial arguments carry; valid until `close`."""
        return ArenaHandle((self._fd, self._called.fd, self.reported.fd), self.layout)

    def write(self, bodies: Iterable[bytes]) -> None:
        """Put bodies into the inbox, one after the other.

        Raises: ArenaError when they do not fit.
        """
        at = 0
        for body in bodies:
            end = at + len(body)
            if end > self.layout.call_at:
                raise ArenaError(f"inbox: {end} bytes given, at most {self.layout.call_at}")
            self._map[at:end] = body
            at = end
        self._grown = self._grown or at > KEPT_BYTES

    def send(self, call: bytes) -> None:
        """Give the worker its call, at most `CALL_BYTES`, and wake it."""
        self._map[self.layout.call_at : self.layout.call_at + len(call)] = call
        self._called.write(len(call))

    @property
    def begun(self) -> int:
        """Return the number of the call that the worker began last; 0 for none."""
        number: int = _NUMBER.unpack_from(self._map, self.layout.begun_at)[0]
        return number

    def read(self, at: int, length: int) -> bytes:
        """Copy out what the worker wrote; its message is not trusted.

        Raises: ArenaError when the span is not in the worker's regions.
        """
        end = at + length
        if not self.layout.report_at <= at <= end <= self.layout.size:
            raise ArenaError(f"span {at} to {end}: not within {self.layout.report_at} to {self.layout.size}")
        self._grown = self._grown or end > self.layout.answers_at + KEPT_BYTES
        return self._map[at:end]

    def trim(self) -> None:
        """Give back pages beyond what is kept; call it while no call is in flight."""
        if self._grown:
            for start, end in self._kept:
                if end - start > KEPT_BYTES:
                    self._map.madvise(mmap.MADV_REMOVE, start + KEPT_BYTES, end - start - KEPT_BYTES)
            self._grown = False

    def close(self) -> None:
        """Unmap and release it; the memory is freed when the worker is gone too."""
        self._map.close()
        for fd in (self._fd, self.reported.fd, self._called.fd):
            os.close(fd)


class ArenaHandle:
    """An arena on its way to the worker; it can be pickled only while a process is being spawned.

    `fds`: the memory, the `eventfd` that the worker waits for, the one that it writes to.
    """

    def __init__(self, fds: tuple[int, int, int], layout: Layout) -> None:
        self.fds = fds
        self.layout = layout

    def __reduce__(self) -> tuple[object, ...]:
        """Become a `WorkerArena` in the new process."""
        # Made at this moment, they put the descriptors among those that the new process is given.
        return _attach, (tuple(map(reduction.DupFd, self.fds)), self.layout)


class Descriptor(Protocol):
    """What `DupFd` gives: a descriptor that crosses to another process."""

    def detach(self) -> int:
        """Return the descriptor's number in this process, which owns it from now on."""


def _attach(duplicates: tuple[Descriptor, Descriptor, Descriptor], layout: Layout) -> "WorkerArena":
    memory, called, reported = (duplicate.detach() for duplicate in duplicates)
    return WorkerArena((memory, called, reported), layout)


class WorkerArena:
    """The worker's side; takes over the descriptors of an `ArenaHandle`."""

    def __init__(self, fds: tuple[int, int, int], layout: Layout) -> None:
        memory, called, reported = fds
        self.layout = layout
        self._map = mmap.mmap(memory, layout.size)
        os.close(memory)
        self._called, self._reported = EventFd(called), EventFd(reported)
        self._view = memoryview(self._map)

    def receive(self) -> memoryview:
        """Wait for a call; the message is valid until the call ends."""
        length = self._called.wait()
        return self._view[self.layout.call_at : self.layout.call_at + length]

    def begin(self, number: int) -> None:
        """Note that the call with this number has begun."""
        _NUMBER.pack_into(self._map, self.layout.begun_at, number)

    def bodies(self, lengths: Sequence[int]) -> list[memoryview]:
        """Return the bodies in the inbox without copying; they are valid until the call ends."""
        ends = list(accumulate(lengths))
        return [
            self._view[end - length : end].toreadonly() for length, end in zip(lengths, ends, strict=True)
        ]

    @property
    def room(self) -> int:
        """The bytes that all answers of a call may have together."""
        return self.layout.size - self.layout.answers_at

    def write_answer(self, used: int, body: bytes) -> int:
        """Put an answer after the `used` bytes of those before it; return where it begins."""
        at = self.layout.answers_at + used
        self._map[at : at + len(body)] = body
        return at

    def report(self, report: bytes) -> None:
        """Put the call's report in its place, at most `REPORT_BYTES`, and notify the server."""
        self._map[self.layout.report_at : self.layout.report_at + len(report)] = report
        self._reported.write(len(report))


def _whole_pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
