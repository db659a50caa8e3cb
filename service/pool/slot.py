"""One slot: a place for one worker process at a time, and its life.

              launch, hello         call               report
    STARTING ─────────────→ READY ──────→ BUSY ───────────────→ READY …
       ↑  └── no worker ──────┐ │ ↺        │ │ kill
       │                      ↓ ↓  death   ↓ └──→ KILLING ──┐
       ├──────── BACKOFF ←── DEAD ←─────────────────────────┘
       └─────────────────────┘            any ── close ──→ DRAINING, for good

    ↺  exchange: another worker, which is ready, takes the place of the one that is between two calls (`succession`)

`run` is that life as one coroutine. It waits for the death of the process, told by its handle, and never for
the executor: the future of a call may stay pending for ever.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, Protocol

import msgspec

from service.api.response import SlotState
from service.ipc.messages import Entry
from service.ipc.shared_memory import ArenaError
from service.limits import RECYCLE_SHARE
from service.pool import lifecycle
from service.pool.backoff import Backoff
from service.pool.bundle_monitor import BundleMonitor
from service.pool.daemon_threads import run_blocking
from service.pool.exit_status import MemoryKills, classify_exit
from service.pool.observer import Observer
from service.pool.process import LaunchError, WorkerProcess, WorkerSpec
from service.pool.succession import Succession
from service.scheduling.events import RestartReason
from service.scheduling.job import Job

__all__ = ["Slot", "SlotContext", "SlotOwner", "SlotState"]

logger = logging.getLogger(__name__)

# SIGKILL takes effect in a few milliseconds, unless the kernel itself is stuck with the process, as on a dead
# network mount. Then the slot goes on without it.
KILL_TIMEOUT_S = 5.0

# How long the file system may take to say how large the bundle's files are: a dead network mount never does.
INSPECTION_TIMEOUT_S = 2.0

# Giving pages back and having them made again costs a millisecond for each MB: not after every large call.
TRIM_INTERVAL_S = 1.0


# Ends that the service itself has brought about. They say nothing of what the next worker will do: a client whose
# requests overrun their deadlines, one after the other, must not keep others from a slot.
_MEANT = frozenset(
    {
        RestartReason.DEADLINE,
        RestartReason.TIMER,
        RestartReason.CANCELLED,
        RestartReason.RECYCLE,
        RestartReason.RELOAD,
        RestartReason.DRAIN,
    }
)


class SlotOwner(Protocol):
    """What receives the events of a slot."""

    def slot_ready(self, slot: int) -> None:
        """Take note that the slot waits for a call."""

    def call_ended(self, slot: int, ends: Sequence[tuple[Job, Entry, bytes]], *, retired: bool) -> None:
        """Take how each job of the slot's call ended, with its body.

        `retired` when the slot takes no other call until it is ready again.
        """

    def start_failed(self, slot: int, fault: str) -> None:
        """Take note that a worker could not be started, and why."""

    def slot_lost(self, slot: int, *, crashed: bool) -> None:
        """Take note that the slot's worker is dead, and the call it may have had with it."""

    def workers_withdrawn(self) -> None:
        """Take note that no worker may serve until slots are ready again; `slot_lost` follows for each."""


class SlotContext(NamedTuple):
    """What all slots of a pool have in common."""

    succession: Succession
    owner: SlotOwner
    observer: Observer
    memory_kills: MemoryKills
    monitor: BundleMonitor


class Slot:
    """A slot; everything here belongs to the event loop's thread.

    `calls` counts calls begun, `restarts` workers lost or exchanged; `memory_bytes` is what the worker reported last.
    `spec` is that of the worker, or of the one that is being started, None without either.
    """

    def __init__(self, number: int, context: SlotContext, backoff: Backoff) -> None:
        self.number = number
        self.state = SlotState.STARTING
        self.calls = 0
        self.restarts = 0
        self.memory_bytes = 0
        self.spec: WorkerSpec | None = None
        self._context = context
        self._backoff = backoff
        self._process: WorkerProcess | None = None
        self._jobs: tuple[Job, ...] = ()
        self._serving = False
        self._trim_at = 0.0
        self._killed_for: RestartReason | None = None
        self._superseded = context.succession.superseded
        self._loop = asyncio.get_running_loop()
        self._closing = self._loop.create_future()

    def __repr__(self) -> str:
        """Show what an operator asks for first."""
        return (
            f"<Slot {self.number} {self.state} pid {self.pid}, {self.calls} calls, {self.restarts} restarts>"
        )

    @property
    def pid(self) -> int | None:
        """The worker's process id, None while there is none."""
        return self._process.pid if self._process else None

    @property
    def digest(self) -> str | None:
        """The digest of the model that the worker serves, None until it can."""
        return self._process.digest if self._process else None

    def call(self, jobs: tuple[Job, ...], limit_s: float) -> None:
        """Begin a call on a ready slot; the owner is told its end. `limit_s` is for the kernel's timer."""
        assert self._process is not None
        assert self.state is SlotState.READY
        self._become(SlotState.BUSY)
        self.calls += 1
        self._jobs = jobs
        future = self._process.call([job.body for job in jobs], [job.operation for job in jobs], limit_s)
        future.add_done_callback(partial(self._call_done, self._process))

    def kill(self, reason: RestartReason) -> None:
        """Kill the worker, if there is one that serves; the owner is told when it is dead."""
        if self._process is not None and self.state in {SlotState.READY, SlotState.BUSY}:
            self._become(SlotState.KILLING)
            self._killed_for = reason
            self._process.kill()
            self._loop.call_later(KILL_TIMEOUT_S, self._process.note_exit)

    def exchange(self, successor: WorkerProcess) -> WorkerProcess:
        """Go on with another worker, between two calls; return the one that it had, which serves no more."""
        assert self.state is SlotState.READY
        assert self._process is not None
        exchanged, self._process, self.spec = self._process, successor, successor.spec
        successor.output.slot = self.number
        exchanged.detach()  # and so `_wait_for_exit` waits for the other one
        self._backoff.answered()
        self.memory_bytes = 0
        self.restarts += 1
        self._context.observer.slot_ended(self.number, RestartReason.RELOAD, "exchanged for a new worker")
        return exchanged

    def close(self) -> None:
        """Kill the worker and start no other; `run` ends soon after."""
        self.kill(RestartReason.DRAIN)
        self._become(SlotState.DRAINING)
        _settle(self._closing)

    async def run(self) -> None:
        """Keep a worker alive until `close`."""
        while not self._closing.done():
            self._become(SlotState.STARTING)
            withdrawals = self._context.monitor.withdrawals
            try:
                await self._start()
            except LaunchError as fault:
                if not self._closing.done():
                    self._context.observer.start_failed(self.number, str(fault))
                    self._context.owner.start_failed(self.number, str(fault))
                    await self._inspect_bundle(self.spec)
            else:
                if not self._closing.done() and self._context.monitor.withdrawals == withdrawals:
                    self._serve()
                    await self._wait_for_exit()
            await self._pause(died=await self._clean_up())

    async def _start(self) -> None:
        """Launch a worker of the current spec and wait for its hello.

        Raises: LaunchError that says why it cannot serve.
        """
        self.spec = self._context.succession.current
        self._superseded = self._context.succession.superseded
        self._process = await lifecycle.start(self.spec, self.number)
        self._killed_for = None
        hello = await lifecycle.greet(self._process, self._closing)
        if not hello.preloaded:
            # The fork server does not report imports that fail, and each restart then takes a second.
            logger.warning("worker_not_preloaded", extra={"slot": self.number})

    def _serve(self) -> None:
        self._serving = True
        self._become(SlotState.READY)
        self._context.owner.slot_ready(self.number)

    async def _wait_for_exit(self) -> None:
        """Wait for the death of the worker, or of those that it is exchanged for.

        A worker that a signal has stopped does not go on by itself: it is killed, and its call runs again
        elsewhere instead of waiting for its deadline.
        """
        assert self._process is not None
        while not self._process.exited.done():
            await asyncio.wait([self._process.exited], timeout=lifecycle.STOP_CHECK_INTERVAL_S)
            if self._process.stopped():
                self._process.kill()

    async def _pause(self, *, died: bool) -> None:
        """Wait before the next start: where workers keep dying (`died`: one more has), and while the bundle is damaged.

        What caused the deaths is gone when the bundle is restored, or another spec takes the place of this one.
        """
        pause = self._backoff.died(self._loop.time()) if died else 0.0
        if pause and not self._closing.done() and not self._superseded.done():
            self._become(SlotState.BACKOFF)
            waiting = [self._closing, self._superseded]
            await asyncio.wait(waiting, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        restored = self._context.monitor.restored
        if restored is not None and not self._closing.done():
            self._become(SlotState.BACKOFF)
            await asyncio.wait([self._closing, restored], return_when=asyncio.FIRST_COMPLETED)
            self._backoff.answered()
        if self._superseded.done():
            self._backoff.answered()

    def _call_done(self, process: WorkerProcess, future: "asyncio.Future[int]") -> None:
        """Take the report of a call, unless the slot has given that call up."""
        if process is not self._process or self.state is not SlotState.BUSY:
            return
        try:
            report = process.report(future.result())
            bodies = [process.body(entry) for entry in report.entries]
            ends = list(zip(self._jobs, report.entries, bodies, strict=True))
        except (ArenaError, msgspec.MsgspecError, ValueError):
            # Its memory is corrupt. `_clean_up` sees a death that was no kill of the service.
            process.kill()
        else:
            self._call_ended(process, report.memory_bytes, ends)

    def _call_ended(
        self, process: WorkerProcess, memory_bytes: int, ends: list[tuple[Job, Entry, bytes]]
    ) -> None:
        if self._loop.time() >= self._trim_at:
            process.trim()
            self._trim_at = self._loop.time() + TRIM_INTERVAL_S
        self._backoff.answered()
        self._jobs = ()
        self.memory_bytes = memory_bytes
        limits = process.spec.limits
        worn_out = 0 < limits.worker_max_calls <= process.calls
        retired = worn_out or memory_bytes > RECYCLE_SHARE * limits.worker_memory_bytes
        if retired:
            self._serving = False
            self.kill(RestartReason.RECYCLE)
        else:
            self._become(SlotState.READY)
        self._context.owner.call_ended(self.number, ends, retired=retired)

    async def _clean_up(self) -> bool:
        """Release what is left of the worker, and report its end; return whether it counts as a death.

        Where its call may have caused the death, the owner is told only when the exit status has shown whether
        it did; in every other case at once.
        """
        process, self._process = self._process, None
        spec, self.spec = self.spec, None
        in_call = self.state is SlotState.BUSY
        self._become(SlotState.DEAD)
        self._jobs = ()
        if process is None:
            return True
        process.detach()
        process.kill()
        if not (in_call and process.begun):
            self._report_lost(crashed=False)
        reaping = run_blocking(partial(_reap, process, self._context.memory_kills))
        await asyncio.wait([reaping], timeout=lifecycle.REAP_TIMEOUT_S)
        status, out_of_memory = reaping.result() if reaping.done() else (None, False)
        end = classify_exit(self._killed_for, status, out_of_memory=out_of_memory)
        # Before a call is blamed: where the bundle is damaged, none is.
        damaged = end.blamed and await self._inspect_bundle(spec)
        self._report_lost(crashed=end.blamed and not damaged)
        self.restarts += 1
        self._context.observer.slot_ended(self.number, end.reason, end.evidence)
        process.close()
        return end.reason not in _MEANT

    async def _inspect_bundle(self, spec: WorkerSpec | None) -> bool:
        """Return whether the bundle of a worker is damaged, which may be what ended it; report that."""
        monitor = self._context.monitor
        if spec is None or spec.bundle is None:
            return False
        inspection = run_blocking(partial(monitor.inspect, spec.bundle))
        await asyncio.wait([inspection], timeout=INSPECTION_TIMEOUT_S)
        damage = inspection.result() if inspection.done() else None
        if damage is not None:
            monitor.report(spec.bundle, damage)
        return damage is not None

    def _report_lost(self, *, crashed: bool) -> None:
        """Tell the owner, which knows only of workers that served, and only once."""
        if self._serving:
            self._serving = False
            self._context.owner.slot_lost(self.number, crashed=crashed)

    def _become(self, state: SlotState) -> None:
        if state is not self.state and self.state is not SlotState.DRAINING:
            self.state = state
            self._context.observer.slot_changed(self.number, state)
            self._context.succession.slot_moved(self)


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _reap(process: WorkerProcess, memory_kills: MemoryKills) -> tuple[int | None, bool]:
    """Return the exit status, and whether the kernel has killed for memory; blocks."""
    return process.reap(), memory_kills.grown()
