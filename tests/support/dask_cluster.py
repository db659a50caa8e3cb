"""A Dask cluster of processes whose members may be killed and are started again, as Kubernetes does with pods."""

import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# A member that ended is started again after about so long.
_LOOK_S = 0.05


class DaskCluster:
    """A scheduler on a port of its own, and workers of one thread. Member 0 is the scheduler."""

    def __init__(self, workers: int, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.folder = folder
        self.address = f"tcp://127.0.0.1:{port}"
        self._commands = [("scheduler", str(port)), *[("worker", self.address, str(folder))] * workers]
        self._members = [self._start(command) for command in self._commands]
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._keeper = threading.Thread(target=self._keep)
        self._keeper.start()

    def kill_worker(self, choice: random.Random) -> None:
        """End one of the workers by SIGKILL."""
        self._kill(choice.randrange(1, len(self._members)))

    def kill_scheduler(self) -> None:
        """End the scheduler by SIGKILL; the workers end by themselves then."""
        self._kill(0)

    def pids(self) -> list[int]:
        """Return the process ids, of the scheduler first."""
        with self._lock:
            return [member.pid for member in self._members]

    def close(self) -> None:
        """End all members."""
        self._closing.set()
        self._keeper.join()
        for member in self._members:
            member.kill()
            member.wait()

    def _kill(self, number: int) -> None:
        with self._lock:
            self._members[number].kill()
            self._members[number].wait()

    def _keep(self) -> None:
        """Start again what has ended."""
        while not self._closing.wait(_LOOK_S):
            with self._lock:
                for number, member in enumerate(self._members):
                    if member.poll() is not None:
                        self._members[number] = self._start(self._commands[number])

    def _start(self, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "tests.support.dask_process", *command]
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def dask_cluster(workers: int, folder: Path) -> Iterator[DaskCluster]:
    """Yield a cluster whose workers keep their files in `folder`; it ends with the block."""
    cluster = DaskCluster(workers, folder)
    try:
        yield cluster
    finally:
        cluster.close()
