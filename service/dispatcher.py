"""The one way into the pool: turns requests into the scheduler's events and its instructions into calls.

    admit ─→ Permit      submit ─→ Arrived ─→ scheduler ─→ Start  ─→ slot.call
       end of the loop's turn ─→ Turned  ─→    │       ─→ Kill   ─→ slot.kill
                         cancelled → Left ──→    │
    slot ── slot_ready, call_ended, slot_lost ─→ │       ─→ Finish ─→ the request's future
    timer ────────────── Woke ─────────────────→ ┘

Nothing here blocks, and nothing here decides what the scheduler could. A request's future is the only thing
that waits; it ends by an instruction, and the scheduler finishes every job by its deadline.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from time import monotonic

from service.api.outcome import Outcome
from service.errors import Refused, StartError
from service.jobs import ENDS, Request, Ticket
from service.limits import PoolLimits
from service.observability.loop_lag import LagMonitor
from service.observability.status import SlotSnapshot, Snapshot
from service.pool.observer import NullPoolObserver, Observer
from service.pool.pool import Pool
from service.pool.slot import Result, SlotState
from service.scheduling.admission import Admission, Permit, QueueLoad
from service.scheduling.cost import CostModel
from service.scheduling.events import (
    CallEnded,
    Disconnected,
    DrainEnded,
    End,
    Event,
    Finish,
    JobArrived,
    Kill,
    SlotLost,
    SlotReady,
    Start,
    TimerFired,
    TurnEnded,
)
from service.scheduling.quarantine import Quarantine
from service.scheduling.scheduler import Scheduler
from service.worker.main import POSTPONED, HandlerFactory

__all__ = ["Dispatcher", "Permit", "Request", "SlotSnapshot", "Snapshot"]

# The kernel's timer in the worker is for the case that the server itself is late to kill.
TIMER_MARGIN_S = 0.25

# How long a client is asked to wait where nothing better is known: a worker starts in less.
DEFAULT_RETRY_S = 1.0


class Dispatcher:
    """Takes requests in, has them scored by the pool, and gives each exactly one outcome.

    Everything here belongs to the event loop's thread. `started` is whether a slot was ready once.
    """

    def __init__(
        self, handlers: HandlerFactory, capacity: PoolLimits, observer: Observer | None = None
    ) -> None:
        self._capacity = capacity
        self._observer = observer or NullPoolObserver()
        self._pool = Pool(handlers, capacity, self._observer)
        self._random = Random()  # noqa: S311 - jitter
        self._emptied = asyncio.Event()
        self._admission = Admission(capacity, self._random, self._emptied.set)
        self._scheduler = Scheduler(capacity.batch_jobs)
        self._cost = CostModel(capacity.max_documents)
        self._quarantine = Quarantine()
        self._lag = LagMonitor(self._observer.loop_lagged)
        self._tickets: dict[int, Ticket] = {}
        self._calls: dict[int, tuple[int, ...]] = {}
        self._results: dict[int, Result] = {}
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0  # uvloop's timers of under half a millisecond cannot be asked
        self._turning = False
        self._closed: str | None = None
        self._last_number = 0
        self._announced = False
        self.started = False

    async def start(self) -> None:
        """Start the workers without waiting for them.

        Raises: StartError when the fork server cannot be started.
        """
        try:
            await self._pool.prepare()
        except OSError as error:
            raise StartError(f"the fork server cannot be started: {error}") from error
        self._pool.start(self, self._failed, self._random)
        self._lag.start(asyncio.get_running_loop())

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

    def admit(self, subject: str, content_length: int | None, deadline: float) -> Permit:
        """Decide, before the body is read, whether a request may come in.

        Raises: Refused (`overloaded`, `quota_exceeded`, `draining`, `starting`, `no_workers`).
        """
        now = monotonic()
        try:
            self._check_open()
            least = self._cost.least(content_length or 0)
            self._admission.enter(least, deadline - now, self._load(subject, now))
            return self._admission.admit(subject, content_length)
        except Refused as refusal:
            self._observer.refused(refusal.code)
            raise

    @property
    def congested(self) -> bool:
        """Whether so much waits that somebody might be refused."""
        return self._scheduler.queue.cost > self._capacity.queue_budget_s * self._capacity.workers / 2

    def overload_refusal(self, subject: str, size: int, time_left: float) -> Refused | None:
        """Return why a request of a subject could not come in now, None where it may be able to."""
        try:
            self._check_open()
            self._admission.enter(self._cost.least(size), time_left, self._load(subject, monotonic()))
        except Refused as refused:
            self._observer.refused(refused.code)
            return refused
        return None

    async def submit(self, permit: Permit, request: Request) -> Outcome:
        """Have a request scored. Cancelling the caller means that the client has left.

        Raises: Refused (as `admit`, and `poison_request`).
        """
        now = monotonic()
        features = self._cost.features(request.body)
        cost = self._cost.predict(features)
        try:
            self._check_entry(request, cost, now)
        except Refused as refusal:
            self._observer.refused(refusal.code)
            raise
        number = self._last_number = self._last_number + 1
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._tickets[number] = Ticket(request, features, future, now)
        self._feed(JobArrived(number, request.subject, cost, features.size, request.deadline))
        if not self._turning:
            self._turning = True
            asyncio.get_running_loop().call_soon(self._turn)
        try:
            return await future
        except asyncio.CancelledError:
            self._feed(Disconnected(number))
            raise

    def announce_drain(self) -> None:
        """Make readiness false; requests are still taken."""
        self._announced = True

    async def drain(self, timeout_s: float) -> None:
        """Take no more requests, finish what can be within `timeout_s`, refuse the rest, end the workers."""
        self._announced = True
        self._closed = self._closed or "draining"
        if self._admission.permits:
            self._emptied.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), timeout_s)
        self._feed(DrainEnded())
        self._lag.stop()
        await self._pool.close()

    def snapshot(self) -> Snapshot:
        """Describe the slots and the queue."""
        slots = tuple(
            SlotSnapshot(slot.number, slot.pid, slot.state, slot.calls, slot.restarts, slot.memory_bytes)
            for slot in self._pool.slots
        )
        queue = self._scheduler.queue
        return Snapshot(slots, queue.count, queue.cost, queue.subjects)

    def slot_ready(self, slot: int) -> None:
        """Take note that the slot waits for a call."""
        self.started = True
        self._feed(SlotReady(slot))

    def slot_lost(self, slot: int, *, crashed: bool) -> None:
        """Take note that the slot's worker is dead."""
        self._calls.pop(slot, None)
        self._feed(SlotLost(slot, crashed))

    def call_ended(self, slot: int, results: Sequence[Result], *, retired: bool) -> None:
        """Learn from the results of a call and hand them out."""
        numbers = self._calls.pop(slot)
        self._results = dict(zip(numbers, results, strict=True))
        postponed = tuple(number for number, (entry, _) in self._results.items() if entry.code == POSTPONED)
        for number, (entry, _) in self._results.items():
            ticket = self._tickets.get(number)
            if ticket is None:
                continue
            if entry.code == "ok":
                self._cost.learn(ticket.features, entry.seconds)
            if entry.fault:
                self._observer.faulted(slot, ticket.request.request_id, entry.fault)
        self._feed(CallEnded(slot, postponed, retired))
        self._results = {}

    def _check_open(self) -> None:
        """Refuse while there is nobody to do the work. Raises: Refused."""
        if self._closed is not None:
            raise Refused(
                self._closed, "the server is shutting down", self._admission.retry_after(DEFAULT_RETRY_S)
            )
        if not self.started:
            raise Refused("starting", "no worker is ready yet", self._admission.retry_after(DEFAULT_RETRY_S))
        if all(slot.state is SlotState.BACKOFF for slot in self._pool.slots):
            detail = "every worker keeps dying; they are restarted after a pause"
            raise Refused("no_workers", detail, self._admission.retry_after(DEFAULT_RETRY_S))

    def _check_entry(self, request: Request, cost: float, now: float) -> None:
        """Refuse what may not wait. Raises: Refused."""
        if self._quarantine.holds(request.body, now):
            raise Refused("poison_request", "this body ended two workers; change it, or try it again later")
        self._admission.enter(cost, request.deadline - now, self._load(request.subject, now))

    def _load(self, subject: str, now: float) -> QueueLoad:
        queue = self._scheduler.queue
        own = queue.cost_of(subject)
        running = self._scheduler.backlog_s(now) - queue.cost
        return QueueLoad(running, queue.cost, own, queue.subjects - (own > 0), self._capacity.workers)

    def _feed(self, event: Event) -> None:
        """Tell the scheduler, and do as it says."""
        now = monotonic()
        for instruction in self._scheduler.handle(event, now):
            match instruction:
                case Start(slot, numbers):
                    self._start(slot, numbers, now)
                case Finish(number, end):
                    self._finish(number, end, now)
                case Kill(slot, reason):
                    self._pool.slots[slot].kill(reason)
        self._arm()

    def _start(self, slot: int, numbers: tuple[int, ...], now: float) -> None:
        tickets = [self._tickets[number] for number in numbers]
        for ticket in tickets:
            ticket.start(slot, now)
        self._calls[slot] = numbers
        self._observer.called(slot, [now - ticket.arrived for ticket in tickets])
        requests = [ticket.request for ticket in tickets]
        limit_s = max(request.deadline for request in requests) - now + TIMER_MARGIN_S
        bodies, accepts = [request.body for request in requests], [request.accept for request in requests]
        self._pool.slots[slot].call(bodies, accepts, limit_s)

    def _finish(self, number: int, end: End, now: float) -> None:
        ticket = self._tickets.pop(number)
        if end is End.ANSWERED:
            entry, body = self._results[number]
            outcome = ticket.outcome(entry.code, body, entry.facts, now)
        else:
            outcome = ticket.ended(*ENDS[end], now)
        if end is End.CRASHED:
            self._quarantine.add(ticket.request.body, now)
        self._observer.finished(ticket.request.subject, outcome)
        if not ticket.future.done():
            ticket.future.set_result(outcome)

    def _arm(self) -> None:
        """Have the scheduler woken when it wants; an earlier timer is left to find nothing to do."""
        wake_at = self._scheduler.wake_at()
        if wake_at is None or (self._timer is not None and self._timer_at <= wake_at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(wake_at, self._wake)
        self._timer_at = wake_at

    def _turn(self) -> None:
        self._turning = False
        self._feed(TurnEnded())

    def _wake(self) -> None:
        self._timer = None
        self._feed(TimerFired())

    def _failed(self, error: BaseException) -> None:
        """Refuse everything from now on: a slot's task has ended by a fault of ours."""
        self._closed = "no_workers"
        self._observer.start_failed(-1, f"{type(error).__name__}: {error}")
        self._feed(DrainEnded())
