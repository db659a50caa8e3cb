"""One worker process as the server holds it: its executor, its arena, and its handle.

    run_in_executor(executor, worker.score, call)
        call ──→ arena, eventfd ──→ serve: score ──→ arena, eventfd ──→ complete_call: the call's future

`ProcessPoolExecutor` passes each call from thread to thread: one pickles it into a pipe, another waits for the
result and wakes the event loop. That is 0.45 ms of the server's processor time and five context switches a
call, while the worker waits. So only the first calls go that way: `hello`, and `serve`, which does not return
while the worker lives. Calls of `score` go through the arena, with an `eventfd` in either direction: 0.05 ms.
Nothing that crosses can be cut in two by a kill: an `eventfd` carries one number. Beneath, the executor starts
the worker, runs its initializer, and notices when it ends.

The handle's `pidfd` tells of the death at once, whatever the process was doing, also where the executor's own pipes
have nothing to say, and it never kills another process that has got the same process id.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any, TypeVar, cast

import msgspec

from service.api.request import Operation
from service.errors import ServiceError
from service.ipc import standard_library
from service.ipc.bundle_handle import BundleHandle
from service.ipc.messages import Call, Entry, Hello, Report
from service.ipc.output_handle import OutputHandle
from service.ipc.shared_memory import Arena
from service.limits import PoolLimits
from service.pool import fork_server
from service.pool.process_handle import ProcessHandle
from service.pool.worker_output import WorkerOutput, output_reader
from service.scheduling.scheduler import BATCH_BYTES
from service.worker import main as worker

T = TypeVar("T")


class LaunchError(ServiceError):
    """A worker process that did not come up."""


# Imported by the fork server for every worker.
PRELOAD = ("service.worker.main",)

# Bodies, with what is to be done with them, that a worker must answer before it takes over from another one.
Trial = tuple[tuple[bytes, Operation], ...]


@dataclass(frozen=True, slots=True, eq=False)
class WorkerSpec:
    """What workers are started with; two of the same spec answer alike, and each spec is equal to itself alone.

    bundle: what the handlers open, where they open one. trial: what a worker that takes over has to answer first.
    """

    handlers: worker.HandlerFactory
    limits: PoolLimits
    bundle: BundleHandle | None = None
    trial: Trial = ()

    @property
    def preload(self) -> tuple[str, ...]:
        """The modules that the fork server imports, so that no worker pays for it: the handlers name theirs."""
        module = getattr(self.handlers, "func", self.handlers).__module__
        return tuple(dict.fromkeys((*PRELOAD, module, *getattr(self.handlers, "preload", ()))))

    @property
    def place(self) -> str:
        """File and line of what the handlers load, for messages; empty where they do not say."""
        place: str = getattr(self.handlers, "place", "")
        return place


def launch(spec: WorkerSpec, slot: int | None) -> "WorkerProcess":
    """Start a worker process, for a slot or a spare one; blocks for milliseconds, with a cold fork server for seconds.

    Raises: LaunchError.
    """
    limits = spec.limits
    arena = Arena(limits.max_body_bytes + BATCH_BYTES, limits.max_answer_bytes)
    executor = None
    writing, output = output_reader().open_pipe(slot)
    try:
        parent = fork_server.ensure_running(spec.preload)
        setup = worker.WorkerSetup(
            spec.handlers, arena.handle(), limits.worker_memory_bytes, parent, OutputHandle(writing)
        )
        executor = ArenaExecutor(arena, setup)
        # The executor starts its process with its first call.
        hello = executor.submit(worker.hello)
        executor.submit(worker.serve)
        return WorkerProcess(spec, executor, arena, hello, output)
    except Exception as error:
        if executor is not None:
            executor.abandon()
        arena.close()
        reason = f"a worker could not be started: {type(error).__name__}: {error}"
    finally:
        os.close(writing)
    # Out of the handler and without the executor: an error's traceback may live until the next garbage collection, and
    # with it the descriptors of all that its frames hold.
    executor = None
    raise LaunchError(reason)


class ArenaExecutor(ProcessPoolExecutor):
    """One worker, at most one call of `score` at a time, with a shorter way for that call."""

    def __init__(self, arena: Arena, setup: worker.WorkerSetup) -> None:
        """Start nothing yet: the first call does."""
        super().__init__(
            1, mp_context=fork_server.context(), initializer=worker.initialize, initargs=(setup,)
        )
        self._arena = arena
        self._call: Future[int] = Future()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        """Have the worker run `fn`. The future of `score` stays pending for ever when the worker dies."""
        if fn is not worker.score:
            return super().submit(fn, *args, **kwargs)
        self._call = Future()
        # A future that runs cannot be cancelled, and the worker has begun.
        self._call.set_running_or_notify_cancel()
        self._arena.send(msgspec.msgpack.encode(args[0]))
        return cast("Future[T]", self._call)

    def abandon(self) -> None:
        """Kill its process, if it has one, without waiting for the end."""
        for started in standard_library.processes_of(self):
            started.kill()
        self.shutdown(wait=False)

    def complete_call(self) -> None:
        """Give the call's future the length of the report that the worker has announced."""
        length = self._arena.reported.poll()
        if length and not self._call.done():
            self._call.set_result(length)


class WorkerProcess:
    """A running worker; made by `launch`, ended by `kill`, and released by `reap` and `close`.

    `exited`, from `attach` on: settled when the process has ended, or is watched no more. digest: of the model that it
    serves, once it has said so. output: what it prints.
    """

    exited: "asyncio.Future[None]"

    def __init__(
        self,
        spec: WorkerSpec,
        executor: ArenaExecutor,
        arena: Arena,
        hello: "Future[Hello]",
        output: WorkerOutput,
    ) -> None:
        self.spec = spec
        self.output = output
        self.hello = hello
        self.digest: str | None = None
        self.calls = 0
        self._reaped = False
        self._status: int | None = None
        self._executor = executor
        self._arena = arena
        # Held here because the executor drops it at shutdown, and its exit status with it.
        self._process = standard_library.processes_of(executor)[0]
        assert self._process.pid is not None
        standard_library.disown(self._process)
        self.pid = self._process.pid
        self._handle = ProcessHandle(self.pid, self._process.sentinel)
        if wait([self._process.sentinel], 0):
            # It died and was reaped before there was a handle, which may now be that of another process.
            self._handle.close()
            raise LaunchError(f"process {self.pid} ended at once")

    def attach(self) -> None:
        """Have the running event loop watch it: for its end, and for the ends of its calls."""
        loop = asyncio.get_running_loop()
        self.exited = loop.create_future()
        loop.add_reader(self._handle.ended, self.note_exit)
        loop.add_reader(self._arena.reported.fd, self._executor.complete_call)

    def detach(self) -> None:
        """Watch it no more. A second call does nothing."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._handle.ended)
        loop.remove_reader(self._arena.reported.fd)
        self.note_exit()

    def note_exit(self) -> None:
        """Settle `exited`."""
        if not self.exited.done():
            self.exited.set_result(None)

    def call(
        self, bodies: Sequence[bytes], operations: Sequence[Operation], limit_s: float
    ) -> "asyncio.Future[int]":
        """Begin a call of an attached worker; return the future length of its report, pending if it dies."""
        self._arena.write(bodies)
        self.calls += 1
        call = Call(self.calls, tuple(map(len, bodies)), tuple(operations), limit_s)
        running = asyncio.get_running_loop().run_in_executor(self._executor, worker.score, call)
        return cast("asyncio.Future[int]", running)

    @property
    def begun(self) -> bool:
        """Whether the worker has begun its last call: only then can that have killed it."""
        return self._arena.begun == self.calls > 0

    def report(self, length: int) -> Report:
        """Read the report of the call that has ended.

        Raises: ArenaError, msgspec.DecodeError where the worker wrote something else.
        """
        encoded = self._arena.read(self._arena.layout.report_at, length)
        return msgspec.msgpack.decode(encoded, type=Report)

    def body(self, entry: Entry) -> bytes:
        """Copy out the body of one outcome of the call that has ended. Raises: ArenaError."""
        return self._arena.read(entry.at, entry.length)

    def trim(self) -> None:
        """Give back the memory of an unusually large call; call it between calls."""
        self._arena.trim()

    def stopped(self) -> bool:
        """Return whether SIGSTOP or a freezer has stopped it."""
        return self._handle.stopped()

    def kill(self) -> None:
        """Send SIGKILL: SIGTERM does nothing to a stopped process."""
        self._handle.kill()

    def reap(self) -> int | None:
        """Wait, after `kill`, for the executor's thread to end and return the exit status; blocks."""
        self._executor.shutdown(wait=True)
        if not self._reaped:
            self._reaped = True
            self._status = self._process.exitcode
            self._process.close()
        return self._status

    def close(self) -> None:
        """Free what the server holds of it. The process must be dead, or given up."""
        self._handle.close()
        self._arena.close()
