"""One slot: a place for one worker process at a time, and its life.

              launch, hello         call               report
    STARTING ─────────────→ READY ──────→ BUSY ───────────────→ READY …
       ↑  └── no worker ──────┐ │          │ │ kill
       │                      ↓ ↓  death   ↓ └──→ KILLING ──┐
       ├──────── BACKOFF ←── DEAD ←─────────────────────────┘
       └─────────────────────┘            any ── close ──→ DRAINING, for good

`run` is that life as one coroutine. It waits for the death of the process, told by its handle, and never for
the executor: the future of a call may stay pending for ever.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import msgspec

from service.api.response import SlotState
from service.ipc.messages import Entry, Hello
from service.ipc.shared_memory import ArenaError
from service.pool import fork_server
from service.pool.backoff import Backoff
from service.pool.bundle_monitor import BundleMonitor
from service.pool.daemon_threads import run_blocking
from service.pool.exit_status import MemoryKills, classify_exit
from service.pool.observer import Observer
from service.pool.process import WorkerProcess, WorkerSpec, launch
from service.scheduling.events import RestartReason
from service.scheduling.job import Job

__all__ = ["Slot", "SlotContext", "SlotOwner", "SlotState"]

logger = logging.getLogger(__name__)

# The first start waits for the fork server's imports, on a busy machine for many seconds. Past this, or where it is
# longer `load_timeout_s`, the fork server itself is taken for dead.
START_TIMEOUT_S = 30.0

# SIGKILL takes effect in a few milliseconds, unless the kernel itself is stuck with the process, as on a dead
# network mount. Then the slot goes on without it.
KILL_TIMEOUT_S = 5.0

# How often a worker, and while one is started the fork server, is checked for a stop by a signal.
STOP_CHECK_INTERVAL_S = 0.25

# How long the executor's thread may take to end after its process, before the exit status is given up.
REAP_TIMEOUT_S = 2.0

# How long the file system may take to say how large the bundle's files are: a dead network mount never does.
INSPECTION_TIMEOUT_S = 2.0

# Giving pages back and having them made again costs a millisecond for each MB: not after every large call.
TRIM_INTERVAL_S = 1.0

# A worker that keeps more than this share of its limit between calls is replaced before a request meets it.
RECYCLE_SHARE = 0.75


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

    spec: WorkerSpec
    owner: SlotOwner
    observer: Observer
    memory_kills: MemoryKills
    monitor: BundleMonitor


class Slot:
    """A slot; everything here belongs to the event loop's thread.

    `calls` counts calls begun, `restarts` workers lost; `memory_bytes` is what the worker reported last, `digest` what
    it said of the model that it serves.
    """

    def __init__(self, number: int, context: SlotContext, backoff: Backoff) -> None:
        self.number = number
        self.state = SlotState.STARTING
        self.calls = 0
        self.restarts = 0
        self.memory_bytes = 0
        self.digest = ""
        self._context = context
        self._backoff = backoff
        self._process: WorkerProcess | None = None
        self._jobs: tuple[Job, ...] = ()
        self._serving = False
        self._trim_at = 0.0
        self._killed_for: RestartReason | None = None
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
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
            self._loop.call_later(KILL_TIMEOUT_S, _settle, self._ended)

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
            fault = await self._start()
            if fault:
                self._context.observer.start_failed(self.number, fault)
                self._context.owner.start_failed(self.number, fault)
                await self._inspect_bundle()
            elif not self._closing.done() and self._context.monitor.withdrawals == withdrawals:
                self._become(SlotState.READY)
                self._serving = True
                self._context.owner.slot_ready(self.number)
                await self._wait_for_exit()
            await self._clean_up()
            await self._pause()

    async def _pause(self) -> None:
        """Wait before the next start: where workers keep dying, and while the bundle is damaged."""
        pause = self._backoff.died(self._loop.time())
        if pause and not self._closing.done():
            self._become(SlotState.BACKOFF)
            await asyncio.wait([self._closing], timeout=pause)
        restored = self._context.monitor.restored
        if restored is not None and not self._closing.done():
            self._become(SlotState.BACKOFF)
            await asyncio.wait([self._closing, restored], return_when=asyncio.FIRST_COMPLETED)
            # What caused the deaths is gone.
            self._backoff.answered()

    async def _wait_for_exit(self) -> None:
        """Wait for the worker's death.

        A worker that a signal has stopped does not go on by itself: it is killed, and its call runs again
        elsewhere instead of waiting for its deadline.
        """
        assert self._process is not None
        while not self._ended.done():
            await asyncio.wait([self._ended], timeout=STOP_CHECK_INTERVAL_S)
            if self._process.stopped():
                self._process.kill()

    async def _start(self) -> str:
        """Launch a worker and wait for its hello; return why it cannot serve, or nothing."""
        launching = fork_server.starter_thread().run(partial(launch, self._context.spec, self.number))
        try:
            timeout_s = max(START_TIMEOUT_S, self._context.spec.limits.load_timeout_s)
            await self._wait_for_start([launching], fork_server.stopped, timeout_s)
        finally:
            if not launching.done():
                # It most likely hangs in a fork server that was stopped.
                launching.add_done_callback(_discard)
                fork_server.kill()
        if not launching.done():
            return "the fork server does not answer"
        if launching.exception():
            return str(launching.exception())
        self._process = launching.result()
        self._killed_for = None
        self._ended = self._loop.create_future()
        self._loop.add_reader(self._process.ended, _settle, self._ended)
        self._loop.add_reader(self._process.reported, self._process.complete_call)
        return await self._await_hello(asyncio.wrap_future(self._process.hello))

    async def _wait_for_start(
        self, waiting: Sequence["asyncio.Future[Any]"], stopped: Callable[[], bool], timeout_s: float
    ) -> None:
        """Wait for the first of several, within the time, while no signal has stopped what they come from."""
        end = self._loop.time() + timeout_s
        while (left := end - self._loop.time()) > 0:
            interval = min(left, STOP_CHECK_INTERVAL_S)
            done, _ = await asyncio.wait(waiting, timeout=interval, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return
            # Beside the event loop: `stopped` may open a file.
            if await run_blocking(stopped):
                return

    async def _await_hello(self, hello: "asyncio.Future[Hello]") -> str:
        hello.add_done_callback(_consume)
        waiting: list[asyncio.Future[Any]] = [hello, self._ended, self._closing]
        assert self._process is not None
        timeout_s = self._context.spec.limits.load_timeout_s
        await self._wait_for_start(waiting, self._process.stopped, timeout_s)
        if not hello.done() or hello.exception():
            return await self._why_no_hello(timeout_s)
        if not hello.result().preloaded:
            # The fork server does not report imports that fail, and each restart then takes a second.
            logger.warning("worker_not_preloaded", extra={"slot": self.number})
        self.digest = hello.result().digest
        return hello.result().fault

    async def _why_no_hello(self, timeout_s: float) -> str:
        """Say how a worker ended that has not said hello, or that it did not end."""
        assert self._process is not None
        if not self._ended.done():
            return self._placed(f"it was not loaded within {timeout_s:g} s, as long as load_timeout_s allows")
        reaping = run_blocking(self._process.reap)
        await asyncio.wait([reaping], timeout=REAP_TIMEOUT_S)
        end = classify_exit(None, reaping.result() if reaping.done() else None, out_of_memory=False)
        return self._placed(f"the worker ended while it was loaded: {end.evidence}")

    def _placed(self, fault: str) -> str:
        """Put the place of what is loaded before a sentence, where it is known."""
        place = self._context.spec.place
        return f"{place}: {fault}" if place else fault

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
        limits = self._context.spec.limits
        worn_out = 0 < limits.worker_max_calls <= process.calls
        retired = worn_out or memory_bytes > RECYCLE_SHARE * limits.worker_memory_bytes
        if retired:
            self._serving = False
            self.kill(RestartReason.RECYCLE)
        else:
            self._become(SlotState.READY)
        self._context.owner.call_ended(self.number, ends, retired=retired)

    async def _clean_up(self) -> None:
        """Release what is left of the worker, and report its end.

        Where its call may have caused the death, the owner is told only when the exit status has shown whether
        it did; in every other case at once.
        """
        process, self._process = self._process, None
        in_call = self.state is SlotState.BUSY
        self._become(SlotState.DEAD)
        self._jobs = ()
        if process is None:
            return
        self._loop.remove_reader(process.ended)
        self._loop.remove_reader(process.reported)
        process.kill()
        if not (in_call and process.begun):
            self._report_lost(crashed=False)
        reaping = run_blocking(partial(_reap, process, self._context.memory_kills))
        await asyncio.wait([reaping], timeout=REAP_TIMEOUT_S)
        status, out_of_memory = reaping.result() if reaping.done() else (None, False)
        end = classify_exit(self._killed_for, status, out_of_memory=out_of_memory)
        if end.blamed:
            # Before a call is blamed: where the bundle is damaged, its jobs are finished here, and none is.
            await self._inspect_bundle()
        self._report_lost(crashed=end.blamed)
        self.restarts += 1
        self._context.observer.slot_ended(self.number, end.reason, end.evidence)
        process.close()

    async def _inspect_bundle(self) -> None:
        """Report damage to the bundle, which may be what ended the worker, unless it is known."""
        if self._context.monitor.damage is not None:
            return
        inspection = run_blocking(self._context.monitor.inspect)
        await asyncio.wait([inspection], timeout=INSPECTION_TIMEOUT_S)
        if inspection.done() and (damage := inspection.result()) is not None:
            self._context.monitor.report(damage)

    def _report_lost(self, *, crashed: bool) -> None:
        """Tell the owner, which knows only of workers that served, and only once."""
        if self._serving:
            self._serving = False
            self._context.owner.slot_lost(self.number, crashed=crashed)

    def _become(self, state: SlotState) -> None:
        if state is not self.state and self.state is not SlotState.DRAINING:
            self.state = state
            self._context.observer.slot_changed(self.number, state)


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _consume(future: "asyncio.Future[Any]") -> None:
    """Read the error of a future whose result may never be read, or asyncio logs it."""
    if not future.cancelled():
        future.exception()


def _reap(process: WorkerProcess, memory_kills: MemoryKills) -> tuple[int | None, bool]:
    """Return the exit status, and whether the kernel has killed for memory; blocks."""
    return process.reap(), memory_kills.grown()


def _discard(launching: "asyncio.Future[WorkerProcess]") -> None:
    """Put away a worker that came up after the slot had given up on it."""
    if not launching.cancelled() and not launching.exception():
        launching.result().kill()
        launching.result().close()
