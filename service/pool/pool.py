"""The slots of one server, and the tasks that keep them alive."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from random import Random

from scoring.bundle.files import Damage
from service.pool import fork_server, lifecycle
from service.pool.backoff import Backoff
from service.pool.bundle_monitor import BundleMonitor
from service.pool.exit_status import MemoryKills
from service.pool.observer import Observer
from service.pool.process import WorkerSpec
from service.pool.slot import Slot, SlotContext, SlotOwner
from service.pool.succession import Succession
from service.scheduling.events import RestartReason

# A slot ends with a SIGKILL and the end of the executor's thread. Past this the server exits without waiting.
CLOSE_TIMEOUT_S = 1.0


class Pool:
    """As many slots as the limits say."""

    def __init__(self, spec: WorkerSpec, observer: Observer) -> None:
        """Start nothing yet. `spec`: what workers are started with until it is exchanged."""
        self._spec = spec
        self._observer = observer
        self._monitor = BundleMonitor(spec.bundle, observer, self._withdraw)
        self._owner: SlotOwner | None = None
        self._succession: Succession | None = None
        self._watching: asyncio.Task[None] | None = None
        self._closing: asyncio.Future[None] | None = None
        self._exchanging = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self.slots: list[Slot] = []

    @property
    def damage(self) -> Damage | None:
        """What is wrong with the bundle's files while no worker serves because of it."""
        return self._monitor.damage

    @property
    def mixed(self) -> bool:
        """Whether a slot has a worker of another spec than the current one."""
        return self._succession is not None and self._succession.mixed

    async def prepare(self) -> None:
        """Start the fork server, without waiting for its imports. Raises: OSError."""
        await fork_server.starter_thread().run(partial(fork_server.ensure_running, self._spec.preload))

    def start(self, owner: SlotOwner, failed: Callable[[BaseException], None], random: Random) -> None:
        """Begin the life of every slot; returns at once. `failed` is called when a task ends by itself."""
        self._owner = owner
        self._closing = asyncio.get_running_loop().create_future()
        start = partial(lifecycle.start_tried, closing=self._closing)
        self._succession = Succession(self._spec, start, lifecycle.end, self._follow)
        shared = SlotContext(self._succession, owner, self._observer, MemoryKills(), self._monitor)
        self.slots = [Slot(number, shared, Backoff(random)) for number in range(self._spec.limits.workers)]
        self._succession.places = self.slots
        self._watching = _own(self._monitor.run(), "bundle monitor", failed)
        self._tasks = [_own(slot.run(), f"slot {slot.number}", failed) for slot in self.slots]

    async def exchange(self, spec: WorkerSpec) -> None:
        """Have every slot go on with a worker of another spec, one by one, each between two calls.

        A spare worker is tried first, and there is never one less than before. Takes over the bundle of `spec`: when
        this returns, or raises, the one that is served no more is closed.

        Raises: LaunchError with the reason why such a worker cannot serve; the workers are as before then.
        """
        assert self._succession is not None
        async with self._exchanging:
            before = self._succession.current
            try:
                await self._succession.change_over(spec)
            finally:
                unused = before if self._succession.current is spec else spec
                if unused.bundle is not None:
                    # That thread starts the workers, so none is being started with these files when they are closed.
                    fork_server.starter_thread().run(unused.bundle.close)

    async def close(self) -> None:
        """End every worker, within `CLOSE_TIMEOUT_S`."""
        if self._watching is not None:
            self._watching.cancel()
        if self._closing is not None and not self._closing.done():
            self._closing.set_result(None)
        for slot in self.slots:
            slot.close()
        if self._succession is not None:
            self._succession.withdraw()
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
        if self._succession is not None:
            self._succession.withdraw()

    def _follow(self, spec: WorkerSpec) -> None:
        """Look after the bundle of the spec that has become the current one."""
        self._monitor.watch(spec.bundle)


def _own(
    life: Coroutine[None, None, None], name: str, failed: Callable[[BaseException], None]
) -> "asyncio.Task[None]":
    """Run a coroutine as a task that may end only by being told to; `failed` is called with its error."""
    task = asyncio.create_task(life, name=name)
    task.add_done_callback(partial(_report_failure, failed))
    return task


def _report_failure(failed: Callable[[BaseException], None], task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        failed(error)
