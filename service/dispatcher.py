"""The one way into the pool: turns requests into the scheduler's events and its instructions into calls.

    admit ─→ Permit      submit ─→ JobArrived ─→ control   ─→ Start  ─→ slot.call
        end of the loop's turn ─→ TurnEnded ─→    │       ─→ Kill   ─→ slot.kill
                cancelled ─→ Disconnected ───→    │
    slot ── slot_ready, call_ended, slot_lost ─→  │       ─→ Finish ─→ the request's future
    timer ───────────────── TimerFired ──────→    ┘

Nothing here blocks, and nothing here decides what `scheduling.control` could. A request waits for its future alone; an
instruction settles that, and the scheduler finishes every job by its deadline.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from time import monotonic

from service.api.outcome import Outcome
from service.errors import Refused, StartError
from service.ipc.bundle_handle import BundleHandle
from service.ipc.messages import POSTPONED, Entry
from service.limits import PoolLimits
from service.observability.loop_lag import LagMonitor
from service.observability.status import SlotSnapshot, Snapshot
from service.pool.observer import NullPoolObserver, Observer
from service.pool.pool import Pool
from service.pool.process import WorkerSpec
from service.pool.slot import SlotState
from service.release import Release
from service.scheduling.admission import Permit
from service.scheduling.control import Control
from service.scheduling.cost import Measured
from service.scheduling.endings import DAMAGED, outcome_of
from service.scheduling.events import (
    CallEnded,
    Disconnected,
    DrainEnded,
    End,
    Event,
    Finish,
    Instruction,
    JobArrived,
    Kill,
    SlotLost,
    SlotReady,
    Start,
    TimerFired,
    TurnEnded,
    WorkersWithdrawn,
)
from service.scheduling.features import KnownModel
from service.scheduling.job import Job
from service.scheduling.prediction import DocumentPredictor, Predictor
from service.scheduling.quarantine import Quarantine
from service.worker.main import HandlerFactory

# The kernel's timer in the worker is for the case that the server itself is late to kill.
TIMER_MARGIN_S = 0.25

# How long a client is asked to wait where nothing better is known: a worker starts in less.
DEFAULT_RETRY_S = 1.0

NO_MODEL = KnownModel()


class Dispatcher:
    """Takes requests in, has them scored by the pool, and gives each exactly one outcome.

    Everything here belongs to the event loop's thread. `started` is whether a slot was ready once.
    """

    # Of `start`: to ask which loop runs takes a system call, several times for each request.
    _loop: asyncio.AbstractEventLoop

    def __init__(
        self,
        handlers: HandlerFactory,
        limits: PoolLimits,
        observer: Observer | None = None,
        bundle: BundleHandle | None = None,
        predictor: Predictor | None = None,
    ) -> None:
        """`bundle`: what the handlers open, where they open one. `predictor`: by default of an unknown model."""
        self._limits = limits
        self._observer = observer or NullPoolObserver()
        self._pool = Pool(WorkerSpec(handlers, limits, bundle), self._observer)
        self._random = Random()  # noqa: S311 - jitter
        self._emptied = asyncio.Event()
        predictor = predictor or DocumentPredictor(limits.max_documents, NO_MODEL, self._random)
        self._control = Control(limits, predictor, self._random, self._emptied.set)
        self._quarantine = Quarantine()
        self._lag = LagMonitor(self._observer.loop_lagged)
        # Every job that the scheduler has not finished, with what its request waits for.
        self._waiting: dict[Job, asyncio.Future[Outcome]] = {}
        self._steps: dict[Job, asyncio.Future[Finish]] = {}
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0  # uvloop's timers of under half a millisecond have no `when`
        self._turn_ends = False
        self._closed: str | None = None
        self._announced = False
        self.started = False
        # Told why a worker could not be started, as long as none ever was ready.
        self.start_refused: Callable[[str], None] | None = None

    async def start(self) -> None:
        """Start the workers without waiting for them.

        Raises: StartError when the fork server cannot be started.
        """
        try:
            await self._pool.prepare()
        except OSError as error:
            raise StartError(f"the fork server cannot be started: {error}") from error
        self._loop = asyncio.get_running_loop()
        self._pool.start(self, self._failed, self._random)
        self._lag.start(self._loop)

    async def exchange(self, release: Release) -> None:
        """Have every slot go on with a worker of another release, one by one; takes over its files.

        Requests that run end on the worker that they began with. Raises: LaunchError with the reason why such a worker
        cannot serve, and then nothing has changed; Refused before the start and in a drain.
        """
        if self._announced or not self._pool.slots:
            release.close()
            raise Refused("draining" if self._announced else "starting", "there are no workers to exchange")
        await self._pool.exchange(WorkerSpec(release.handlers, self._limits, release.bundle, release.trial))
        self._control.follow(release.known)

    @property
    def mixed(self) -> bool:
        """Whether a worker serves another release than the current one."""
        return self._pool.mixed

    @property
    def readiness(self) -> str | None:
        """Return None when requests are welcome, else `starting`, `draining` or `no_workers`."""
        if self._announced:
            return "draining"
        if self._closed is not None:
            return self._closed
        if not self.started:
            return "starting"
        ready = any(slot.state in {SlotState.READY, SlotState.BUSY} for slot in self._pool.slots)
        return None if ready else "no_workers"

    @property
    def damage(self) -> str | None:
        """Return which file of the bundle is damaged and how, None while all are whole as far as is known."""
        damage = self._pool.damage
        return None if damage is None else str(damage)

    def admit(self, subject: str, content_length: int | None, deadline: float) -> Permit:
        """Decide, before the body is read, whether a request may come in.

        Raises: Refused (`overloaded`, `quota_exceeded`, `draining`, `starting`, `no_workers`).
        """
        now = monotonic()
        try:
            self._check_open()
            return self._control.admit(subject, content_length, deadline, now)
        except Refused as refusal:
            self._observer.refused(refusal.code)
            raise

    @property
    def congested(self) -> bool:
        """Whether so much waits that a request could be refused."""
        return self._control.congested

    def overload_refusal(self, subject: str, size: int, time_left: float) -> Refused | None:
        """Return why a request of a subject could not come in now, None where it may be able to."""
        try:
            self._check_open()
            self._control.check_head(subject, size, time_left, monotonic())
        except Refused as refused:
            self._observer.refused(refused.code)
            return refused
        return None

    async def submit(self, permit: Permit, job: Job) -> Outcome:
        """Have a request scored. Cancelling the caller means that its client has disconnected.

        The permit is charged with the answer: its predicted size, then its true one.

        Raises: Refused (as `admit`, and `poison_request`).
        """
        job.features = self._control.read(job.body, job.operation)
        now = monotonic()
        try:
            self._check_entry(job, now)
            instructions = self._control.enter(permit, job, now)
        except Refused as refusal:
            self._observer.refused(refusal.code)
            raise
        future: asyncio.Future[Outcome] = self._loop.create_future()
        self._waiting[job] = future
        self._carry_out(instructions, now)
        self._await_turn_end()
        try:
            outcome = await future
        except asyncio.CancelledError:
            self._feed(Disconnected(job))
            raise
        return self._measured(permit, outcome)

    async def run_step(self, step: Job) -> Finish:
        """Have a step of a durable job run on a slot that no request waits for, and return how it ended.

        Cancelling the caller withdraws it: one that runs already goes on to its end, which is then ignored.
        """
        future: asyncio.Future[Finish] = self._loop.create_future()
        self._steps[step] = future
        self._feed(JobArrived(step))
        self._await_turn_end()
        try:
            return await future
        except asyncio.CancelledError:
            self._feed(Disconnected(step))
            raise

    def _measured(self, permit: Permit, outcome: Outcome) -> Outcome:
        """Charge the permit with the true size of the answer. Raises: Refused, with the answer dropped."""
        try:
            self._control.measure(permit, outcome)
        except Refused as refusal:
            self._observer.refused(refusal.code)
            raise
        return outcome

    def announce_drain(self) -> None:
        """Make readiness false; requests are still taken."""
        self._announced = True

    async def drain(self, timeout_s: float) -> None:
        """Take no more requests, finish what can be within `timeout_s`, refuse the rest, end the workers."""
        self._announced = True
        self._closed = self._closed or "draining"
        if self._control.admission.permits:
            self._emptied.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), timeout_s)
        self._feed(DrainEnded())
        self._lag.stop()
        await self._pool.close()

    def snapshot(self) -> Snapshot:
        """Describe the slots and the queue."""
        slots = tuple(
            SlotSnapshot(
                slot.number, slot.pid, slot.state, slot.calls, slot.restarts, slot.memory_bytes, slot.digest
            )
            for slot in self._pool.slots
        )
        queue = self._control.scheduler.queue
        answers = self._control.admission.answers
        return Snapshot(
            slots, queue.count, queue.cost, queue.subjects, answers.held, answers.subjects, self.digest
        )

    def slot_ready(self, slot: int) -> None:
        """Take note that the slot waits for a call."""
        self.started = True
        self._feed(SlotReady(slot))

    def start_failed(self, slot: int, fault: str) -> None:
        """Take note that a worker could not be started."""
        if not self.started and self.start_refused is not None:
            self.start_refused(fault)

    @property
    def digest(self) -> str:
        """What the workers serve, as they say; empty until one is ready, or where they say nothing."""
        return next((slot.digest for slot in self._pool.slots if slot.digest), "")

    def slot_lost(self, slot: int, *, crashed: bool) -> None:
        """Take note that the slot's worker is dead."""
        self._feed(SlotLost(slot, crashed))

    def workers_withdrawn(self) -> None:
        """Refuse what was admitted: no worker may serve, and `_check_open` refuses what comes now."""
        self._feed(WorkersWithdrawn())

    def call_ended(self, slot: int, ends: Sequence[tuple[Job, Entry, bytes]], *, retired: bool) -> None:
        """Learn from how the jobs of a call ended, and hand their outcomes out."""
        self._learn([end for end in ends if not end[1].alone])
        for end in ends:
            if end[1].alone:
                self._learn([end])
        outcomes: list[Outcome | None] = []
        for job, entry, body in ends:
            if entry.fault:
                self._observer.faulted(slot, job.request_id, entry.fault)
            outcomes.append(
                None if entry.code == POSTPONED else Outcome(entry.code, body, entry.facts, raw=entry.raw)
            )
        self._feed(CallEnded(slot, tuple(outcomes), retired))

    def _learn(self, ends: Sequence[tuple[Job, Entry, bytes]]) -> None:
        """Learn from jobs that the handler was called with together."""
        measured = [
            Measured(job.subject, job.features, entry.code == "ok", entry.length)
            for job, entry, _ in ends
            if not job.step
        ]
        if measured:
            self._control.learn(measured, sum(entry.seconds for _, entry, _ in ends))

    def _check_open(self) -> None:
        """Refuse while there is no worker to come. Raises: Refused."""
        if self._closed is not None:
            retry_after = self._control.admission.retry_after(DEFAULT_RETRY_S)
            raise Refused(self._closed, "the server is shutting down", retry_after)
        if not self.started:
            retry_after = self._control.admission.retry_after(DEFAULT_RETRY_S)
            raise Refused("starting", "no worker is ready yet", retry_after)
        self._check_bundle()
        if all(slot.state is SlotState.BACKOFF for slot in self._pool.slots):
            detail = "every worker keeps dying; they are restarted after a pause"
            raise Refused("no_workers", detail, self._control.admission.retry_after(DEFAULT_RETRY_S))

    def _check_bundle(self) -> None:
        """Refuse while the bundle is damaged. Raises: Refused."""
        if self._pool.damage is not None:
            raise Refused("no_workers", DAMAGED, self._control.admission.retry_after(DEFAULT_RETRY_S))

    def _check_entry(self, job: Job, now: float) -> None:
        """Refuse a job that no worker may be given now. Raises: Refused."""
        self._check_bundle()
        if self._quarantine.holds(job.body, now):
            raise Refused("poison_request", "this body ended two workers; change it, or try it again later")

    def _feed(self, event: Event) -> None:
        """Pass an event to the scheduler and carry out its instructions."""
        now = monotonic()
        self._carry_out(self._control.handle(event, now), now)

    def _carry_out(self, instructions: Sequence[Instruction], now: float) -> None:
        for instruction in instructions:
            match instruction:
                case Start(slot, jobs):
                    self._start(slot, jobs, now)
                case Finish():
                    self._finish(instruction, now)
                case Kill(slot, reason):
                    self._pool.slots[slot].kill(reason)
        self._arm()

    def _start(self, slot: int, jobs: tuple[Job, ...], now: float) -> None:
        if not jobs[0].step:
            self._observer.called(slot, [now - job.arrived for job in jobs])
        limit_s = max(job.deadline for job in jobs) - now + TIMER_MARGIN_S
        self._pool.slots[slot].call(jobs, limit_s)

    def _finish(self, finish: Finish, now: float) -> None:
        job = finish.job
        if job.step:
            waiting = self._steps.pop(job)
            if not waiting.done():
                waiting.set_result(finish)
            return
        outcome = outcome_of(finish, now)
        if finish.end is End.CRASHED:
            self._quarantine.add(job.body, now)
        # The scheduler forgets its deadline later, and a call that was given up still runs.
        job.body = b""
        self._observer.finished(job.subject, outcome)
        future = self._waiting.pop(job)
        if not future.done():
            future.set_result(outcome)

    def _arm(self) -> None:
        """Have the scheduler woken when it asks for it; an earlier timer stays and then finds nothing to do."""
        wake_at = self._control.scheduler.wake_at()
        if wake_at is None or (self._timer is not None and self._timer_at <= wake_at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(wake_at, self._wake)
        self._timer_at = wake_at

    def _await_turn_end(self) -> None:
        if not self._turn_ends:
            self._turn_ends = True
            self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._turn_ends = False
        self._feed(TurnEnded())

    def _wake(self) -> None:
        self._timer = None
        self._feed(TimerFired())

    def _failed(self, error: BaseException) -> None:
        """Refuse everything from now on: a slot's task has ended by a fault of ours."""
        self._closed = "no_workers"
        self._observer.start_failed(-1, f"{type(error).__name__}: {error}")
        self._feed(DrainEnded())
