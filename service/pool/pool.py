"""The slots of one server, and the tasks that keep them alive."""

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random

from service.limits import PoolLimits
from service.pool import fork_server
from service.pool.backoff import Backoff
from service.pool.exit_status import MemoryKills
from service.pool.observer import Observer
from service.pool.process import WorkerSpec
from service.pool.slot import Slot, SlotContext, SlotOwner
from service.worker.main import HandlerFactory

# Imported by the fork server, so that no worker pays for it.
PRELOAD = ("service.worker.main", "service.worker.handler")

# A slot ends with a SIGKILL and the end of the executor's thread. Past this the server exits without waiting.
CLOSE_TIMEOUT_S = 1.0


class Pool:
    """As many slots as the limits say. `failed` is called when a slot's task ends by itself."""

    def __init__(self, handlers: HandlerFactory, limits: PoolLimits, observer: Observer) -> None:
        module = getattr(handlers, "func", handlers).__module__
        self._spec = WorkerSpec(handlers, limits, tuple(dict.fromkeys((*PRELOAD, module))))
        self._observer = observer
        self._tasks: list[asyncio.Task[None]] = []
        self.slots: list[Slot] = []

    async def prepare(self) -> None:
        """Start the fork server, without waiting for its imports. Raises: OSError."""
        await fork_server.starter_thread().run(partial(fork_server.ensure_running, self._spec.preload))

    def start(self, owner: SlotOwner, failed: Callable[[BaseException], None], random: Random) -> None:
        """Begin the life of every slot; returns at once."""
        shared = SlotContext(self._spec, owner, self._observer, MemoryKills())
        for number in range(self._spec.limits.workers):
            slot = Slot(number, shared, Backoff(random))
            task = asyncio.create_task(slot.run(), name=f"slot {number}")
            task.add_done_callback(partial(_report_failure, failed))
            self.slots.append(slot)
            self._tasks.append(task)

    async def close(self) -> None:
        """End every worker, within `CLOSE_TIMEOUT_S`."""
        for slot in self.slots:
            slot.close()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_TIMEOUT_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _report_failure(failed: Callable[[BaseException], None], task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        failed(error)
