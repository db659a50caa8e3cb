"""The standard process pool, with a shorter way for the calls that matter.

    run_in_executor(executor, worker.score, call)
        call ──→ arena, bell ──→ serve: score ──→ arena, bell ──→ answered: the call's future

`ProcessPoolExecutor` hands each call from thread to thread: one pickles it into a pipe, another waits for the
result and wakes the event loop. That is 0.45 ms of the server's processor time and five context switches a
call, while the worker waits. So here only the first calls go that way: `hello`, and `serve`, which does not
return while the worker lives. Calls of `score` go through the arena, with a bell (`eventfd`) on either side:
0.05 ms. As before, nothing that crosses can be cut in two by a kill: a bell is one number.

Beneath, the executor starts the worker, runs its initializer, and tells when it ends.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar, cast

import msgspec

from service.ipc.shared_memory import Arena
from service.pool import fork_server
from service.worker import main as worker

T = TypeVar("T")


class ArenaExecutor(ProcessPoolExecutor):
    """One worker, at most one call of `score` at a time; its owner calls `answered` when the arena's bell rings."""

    def __init__(self, arena: Arena, setup: worker.WorkerSetup) -> None:
        """Start nothing yet: the first call does."""
        super().__init__(
            1, mp_context=fork_server.context(), initializer=worker.initialize, initargs=(setup,)
        )
        self._arena = arena
        self._answer: Future[int] = Future()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        """Have the worker run `fn`. The future of `score` stays pending for ever when the worker dies."""
        if fn is not worker.score:
            return super().submit(fn, *args, **kwargs)
        self._answer = Future()
        # From here on nobody can cancel it: the worker has begun.
        self._answer.set_running_or_notify_cancel()
        self._arena.send(msgspec.msgpack.encode(args[0]))
        return cast("Future[T]", self._answer)

    def answered(self) -> None:
        """Take the length of the report that the worker has rung for."""
        length = self._arena.bell.heard()
        if length and not self._answer.done():
            self._answer.set_result(length)


# The interpreter's exit waits for every call of every process pool, and `serve` does not end: so the workers
# must. What is registered last runs first, and the pool's own wait was registered by the import above.
threading._register_atexit(fork_server.kill)  # type: ignore[attr-defined]  # noqa: SLF001 - atexit is too late
