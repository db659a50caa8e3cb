"""A process seen from outside: when it has ended, whether it is stopped, and how to kill it and no other."""

import os
import signal
from contextlib import ExitStack, suppress
from pathlib import Path

from service.pool.fork_server import is_stopped


class ProcessHandle:
    """Holds a process by its `pidfd`, or where the kernel or a sandbox has none, by its sentinel and /proc entry.

    ended: a descriptor that can be read once the process has ended; of a `pidfd` at once, of a sentinel when the
    fork server has collected the exit status.
    """

    def __init__(self, pid: int, sentinel: int) -> None:
        """`sentinel`: multiprocessing's. Raises: OSError where there is no such process."""
        self._pid = pid
        with ExitStack() as opened:
            self._stat = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
            opened.callback(os.close, self._stat)
            self._pidfd = _open_pidfd(pid)
            self.ended = os.dup(sentinel) if self._pidfd is None else self._pidfd
            opened.pop_all()

    def stopped(self) -> bool:
        """Return whether SIGSTOP or a freezer has stopped it (state T); a debugger's stop is state t."""
        stat = self._read_stat()
        return stat is not None and is_stopped(stat)

    def kill(self) -> None:
        """Send SIGKILL to the process and to its process group: SIGTERM does nothing to a stopped process."""
        with suppress(ProcessLookupError, PermissionError):
            if self._read_stat() is not None or not Path(f"/proc/{self._pid}").exists():
                # The number of a group that has members left is not given to another process.
                os.killpg(self._pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            if self._pidfd is not None:
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            elif self._read_stat() is not None:
                os.kill(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """Free the descriptors."""
        os.close(self.ended)
        os.close(self._stat)

    def _read_stat(self) -> bytes | None:
        """Return its /proc/…/stat, None once its exit status was collected: never that of a later process."""
        try:
            return os.pread(self._stat, 512, 0)
        except OSError:
            return None


def _open_pidfd(pid: int) -> int | None:
    """Return a `pidfd` (Linux 5.3) that can also send signals, None where there is none, as in gVisor."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except OSError:
        return None
    try:
        signal.pidfd_send_signal(pidfd, 0)
    except OSError:
        os.close(pidfd)
        return None
    return pidfd
