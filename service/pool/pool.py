"""The slots of one server, and the tasks that keep them alive."""

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random

from scoring.bundle.files import Damage
from service.ipc.bundle_handle import BundleHandle
from service.limits import PoolLimits
from service.pool import fork_server
from service.pool.backoff import Backoff
from service.pool.bundle_monitor import BundleMonitor
from service.pool.exit_status import MemoryKills
from service.pool.observer import Observer
from service.pool.process import WorkerSpec
from service.pool.slot import Slot, SlotContext, SlotOwner
from service.scheduling.events import RestartReason
from service.worker.main import HandlerFactory

# Imported by the fork server, so that no worker pays for it, beside what the handlers name in their `preload`.
PRELOAD = ("service.worker.main",)

# A slot ends with a SIGKILL and the end of the executor's thread. Past this the server exits without waiting.
CLOSE_TIMEOUT_S = 1.0


class Pool:
    """As many slots as the limits say."""

    def __init__(
        self,
        handlers: HandlerFactory,
        limits: PoolLimits,
        observer: Observer,
        bundle: BundleHandle | None = None,
    ) -> None:
        """`bundle`: what the handlers open, where they open one."""
        module = getattr(handlers, "func", handlers).__module__
        preload = dict.fromkeys((*PRELOAD, module, *getattr(handlers, "preload", ())))
        self._spec = WorkerSpec(handlers, limits, tuple(preload), getattr(handlers, "place", ""))
        self._observer = observer
        self._monitor = BundleMonitor(bundle, observer, self._withdraw)
        self._owner: SlotOwner | None = None
        self._watching: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.slots: list[Slot] = []

    @property
    def damage(self) -> Damage | None:
        """What is wrong with the bundle's files while no worker serves because of it."""
        return self._monitor.damage

    async def prepare(self) -> None:
        """Start the fork server, without waiting for its imports. Raises: OSError."""
        await fork_server.starter_thread().run(partial(fork_server.ensure_running, self._spec.preload))

    def start(self, owner: SlotOwner, failed: Callable[[BaseException], None], random: Random) -> None:
        """Begin the life of every slot; returns at once. `failed` is called when a task ends by itself."""
        self._owner = owner
        shared = SlotContext(self._spec, owner, self._observer, MemoryKills(), self._monitor)
        self._watching = asyncio.create_task(self._monitor.run(), name="bundle monitor")
        self._watching.add_done_callback(partial(_report_failure, failed))
        for number in range(self._spec.limits.workers):
            slot = Slot(number, shared, Backoff(random))
            task = asyncio.create_task(slot.run(), name=f"slot {number}")
            task.add_done_callback(partial(_report_failure, failed))
            self.slots.append(slot)
            self._tasks.append(task)

    async def close(self) -> None:
        """End every worker, within `CLOSE_TIMEOUT_S`."""
        if self._watching is not None:
            self._watching.cancel()
        for slot in self.slots:
            slot.close()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_TIMEOUT_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _withdraw(self) -> None:
        """End every worker: the bundle is damaged, and none would give an answer that can be trusted."""
        assert self._owner is not None
        self._owner.workers_withdrawn()
        for slot in self.slots:
            slot.kill(RestartReason.RECYCLE)


def _report_failure(failed: Callable[[BaseException], None], task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        failed(error)
