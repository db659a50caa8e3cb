"""One worker process as the server holds it: its executor, its arena, and its `pidfd`.

The `pidfd` tells of the death at once, whatever the process was doing, also where the executor's own pipes
have nothing to say, and kills it without ever meeting a stranger who has got the same process id.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import cast

import msgspec

from service.errors import ServiceError
from service.ipc.shared_memory import Arena
from service.limits import PoolLimits
from service.pool import fork_server
from service.pool.executor import ArenaExecutor
from service.scheduling.scheduler import BATCH_BYTES
from service.worker import main as worker


class LaunchError(ServiceError):
    """A worker process that did not come up."""


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What every worker of a pool is started with; `preload` names the modules imported in advance."""

    handlers: worker.HandlerFactory
    capacity: PoolLimits
    preload: tuple[str, ...]


def launch(recipe: WorkerSpec) -> "WorkerProcess":
    """Start a worker process; blocks for milliseconds, with a cold fork server for seconds.

    Raises: LaunchError.
    """
    capacity = recipe.capacity
    arena = Arena(capacity.max_body_bytes + BATCH_BYTES, capacity.max_answer_bytes)
    try:
        parent = fork_server.ensure_running(recipe.preload)
        setup = worker.WorkerSetup(recipe.handlers, arena.handle(), capacity.worker_memory_bytes, parent)
        executor = ArenaExecutor(arena, setup)
        # The executor starts its process with its first call.
        hello = executor.submit(worker.hello)
        executor.submit(worker.serve)
        return WorkerProcess(executor, arena, hello)
    except Exception as error:
        arena.close()
        raise LaunchError(f"a worker could not be started: {type(error).__name__}: {error}") from error


class WorkerProcess:
    """A running worker; made by `launch`, ended by `kill`, and put away by `reap` and `close`."""

    def __init__(self, executor: ArenaExecutor, arena: Arena, hello: "Future[worker.Hello]") -> None:
        self.hello = hello
        self._calls = 0
        self._executor = executor
        self._arena = arena
        # Held here because the executor drops it at shutdown, and its exit status with it.
        self._process: BaseProcess = next(iter(executor._processes.values()))  # noqa: SLF001
        assert self._process.pid is not None
        self.pid = self._process.pid
        self.pidfd = os.pidfd_open(self.pid)
        try:
            self._stat = os.open(f"/proc/{self.pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(self.pidfd)
            raise
        if wait([self._process.sentinel], 0):
            # Dead and reaped before there was a pidfd, which may now be anybody's.
            os.close(self.pidfd)
            os.close(self._stat)
            raise LaunchError(f"process {self.pid} ended at once")

    def call(self, bodies: Sequence[bytes], accepts: Sequence[str], limit_s: float) -> "asyncio.Future[int]":
        """Begin a call; returns the length of its report. Have `answered` called when `bell` can be read."""
        self._arena.write(bodies)
        self._calls += 1
        call = worker.Call(self._calls, tuple(map(len, bodies)), tuple(accepts), limit_s)
        running = asyncio.get_running_loop().run_in_executor(self._executor, worker.score, call)
        return cast("asyncio.Future[int]", running)

    @property
    def bell(self) -> int:
        """Return the descriptor that can be read when a call has ended."""
        return self._arena.bell.fd

    def answered(self) -> None:
        """Settle the future of the call that has ended."""
        self._executor.answered()

    @property
    def begun(self) -> bool:
        """Return whether the worker has begun its last call: only then can that have killed it."""
        return self._arena.begun == self._calls > 0

    def report(self, length: int) -> worker.Report:
        """Read the report of the call that has ended.

        Raises: ArenaError, msgspec.DecodeError where the worker wrote something else.
        """
        encoded = self._arena.read(self._arena.layout.report_at, length)
        return msgspec.msgpack.decode(encoded, type=worker.Report)

    def answer(self, entry: worker.Entry) -> bytes:
        """Copy out one answer of the call that has ended. Raises: ArenaError."""
        return self._arena.read(entry.at, entry.length)

    def trim(self) -> None:
        """Give back the memory of an unusually large call; call it between calls."""
        self._arena.trim()

    def stopped(self) -> bool:
        """Return whether a signal has stopped it, as a person or a freezer does; a debugger's stop is another."""
        try:
            stat = os.pread(self._stat, 512, 0)
        except OSError:
            return False
        return stat[stat.rindex(b")") + 2 :][:1] == b"T"

    def kill(self) -> None:
        """Send SIGKILL: SIGTERM does nothing to a stopped process."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def reap(self) -> int | None:
        """Wait, after `kill`, for the executor's thread to end and return the exit status; blocks."""
        self._executor.shutdown(wait=True)
        status = self._process.exitcode
        self._process.close()
        return status

    def close(self) -> None:
        """Free what the server holds of it. The process must be dead, or given up."""
        os.close(self.pidfd)
        os.close(self._stat)
        self._arena.close()
