"""Decides which job runs where and when: events and the time go in, instructions come out.

Rules:
1. Every job that arrives is finished exactly once, whatever happens to slots, clients and the clock.
2. A slot has at most one call. A free slot takes waiting jobs in their turn (`fair_queue`) as one call, up to
   its share of the work that waits and runs, and to `BATCH_S` of predicted cost, or as much as the call itself costs,
   if that is more. No timer waits for a batch to fill; but what arrives in one turn of the event loop starts together,
   so that the first of them does not go alone.
3. A job whose deadline has passed is finished at once, never started, and never tried again.
4. A call that no client waits for any more is killed, unless it should end within the time of a respawn; then
   it gets that long. A call of several jobs that is late when one of them expires, or takes far too long, is
   broken up: one of them hangs, the rest are fine.
5. When a worker crashes, each job of its call runs once more, alone. A job whose second worker crashes too is
   finished as crashed. When the worker was killed, by us or from outside, or had not begun the call, the jobs
   that are left run again, alone, and are not blamed; at most `MAX_LOSSES` times.

    slot     SlotReady        Start            Kill
    ABSENT ───────────→ IDLE ───────→ BUSY ───────────→ KILLING
       ↑                 │  ←───────── │ CallEnded        │
       └──── SlotLost ───┴─────────────┴──────────────────┘
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from math import inf
from types import MappingProxyType
from typing import Any

from service.api.outcome import Outcome
from service.scheduling.background import STEP_LIMIT_S, STEP_S, Background
from service.scheduling.events import (
    TRANSITIONS,
    Availability,
    CallEnded,
    Disconnected,
    DrainEnded,
    End,
    Event,
    Finish,
    ImpossibleEvent,
    Instruction,
    JobArrived,
    Kill,
    RestartReason,
    SlotLost,
    SlotReady,
    Start,
    TimerFired,
    TurnEnded,
    WorkersWithdrawn,
)
from service.scheduling.fair_queue import FairQueue
from service.scheduling.job import Job

# A call costs about 0.5 ms beside its jobs, little beside 20 ms; and no job waits more than 20 ms for those
# that share its call.
BATCH_S = 0.02
BATCH_BYTES = 1024 * 1024

# The least work that is worth a call of its own: about what the call itself costs. Where one slot takes all that waits,
# clients that send their next requests when they have their answers send them all at once: then one slot works or
# the server does, and the other slots never.
CALL_S = 0.0005

# A job of more goes alone, so that no small one waits for its answer.
SPLIT_S = 0.005

# A replacement for a killed worker serves after about 50 ms with the machine busy. A call that should end
# sooner is not worth a kill.
RESPAWN_S = 0.05

# A call of several jobs was predicted to take at most `BATCH_S`: after a second and ten times its prediction
# something in it hangs.
HANG_S = 1.0
HANG_FACTOR = 10.0

MAX_CRASHES = 2

# Workers that are killed from outside so often are killed on purpose; without a limit a job could be run until
# its deadline.
MAX_LOSSES = 5


@dataclass(slots=True)
class _Call:
    """What a slot is busy with. check_at: when to look whether to kill it, for `reason`."""

    jobs: tuple[Job, ...]
    expected_end: float
    began: float = 0.0
    check_at: float = inf
    reason: RestartReason = RestartReason.DEADLINE

    @property
    def waited_for(self) -> bool:
        """Whether a client still waits for one of its jobs."""
        return not all(job.ended for job in self.jobs)

    @property
    def is_step(self) -> bool:
        """Whether it is a step of a durable job."""
        return bool(self.jobs) and self.jobs[0].step


@dataclass(slots=True)
class _Slot:
    availability: Availability = Availability.ABSENT
    call: _Call = field(default_factory=lambda: _Call((), 0.0))


class Scheduler:
    """The whole state: unfinished jobs, the queue, slots with their calls, and the deadlines as a heap.

    `handle` is the only method that changes it. One event costs microseconds.
    """

    def __init__(self, batch_jobs: int = 32, background_share: float = 0.0) -> None:
        self.queue = FairQueue()
        self._background = Background(background_share)
        self._batch_jobs = batch_jobs
        # A dict for its order: a drain ends jobs in the order of their arrival.
        self._jobs: dict[Job, None] = {}
        self._slots: dict[int, _Slot] = {}
        self._idle: list[int] = []
        # Equal deadlines are in order of arrival.
        self._arrivals = count()
        self._deadlines: list[tuple[float, int, Job]] = []
        self._stopped = False

    def __repr__(self) -> str:
        """Show the counts."""
        states = [slot.availability.name.lower() for slot in self._slots.values()]
        return f"<Scheduler {len(self._jobs)} jobs, {self.queue.count} waiting, slots {', '.join(states)}>"

    @property
    def unfinished(self) -> int:
        """Return how many jobs have no end yet."""
        return len(self._jobs)

    def running_s(self, now: float) -> float:
        """Return the predicted seconds that are left of running calls; steps do not count."""
        running = (slot.call.expected_end - now for _, slot in self._busy() if not slot.call.is_step)
        return sum(max(0.0, left) for left in running)

    def wake_at(self) -> float | None:
        """Return when `TimerFired` is to be sent, None for never."""
        while self._deadlines and self._deadlines[0][2].ended:
            heapq.heappop(self._deadlines)
        earliest = min((slot.call.check_at for _, slot in self._busy()), default=inf)
        if self._deadlines:
            earliest = min(earliest, self._deadlines[0][0])
        return earliest if earliest < inf else None

    def handle(self, event: Event, now: float) -> list[Instruction]:
        """Take one event at time `now`, in seconds, and return what is to be done, in order.

        Raises: ImpossibleEvent.
        """
        out: list[Instruction] = []
        _HANDLERS[type(event)](self, event, now, out)
        if type(event) is not JobArrived:
            self._fill(now, out)
        return out

    def _busy(self) -> Iterator[tuple[int, _Slot]]:
        for number, slot in self._slots.items():
            if slot.availability is Availability.BUSY:
                yield number, slot

    def _job_arrived(self, event: JobArrived, now: float, out: list[Instruction]) -> None:
        job = event.job
        job.arrived = now
        self._jobs[job] = None
        if self._stopped:
            self._finish(job, End.STOPPED, out)
            return
        if job.step:
            self._background.push(job)
            return
        heapq.heappush(self._deadlines, (job.deadline, next(self._arrivals), job))
        self._compact_deadlines()
        self.queue.push(job)

    def _compact_deadlines(self) -> None:
        """Drop the deadlines of finished jobs; answers are quick and deadlines far, so most are of those."""
        if len(self._deadlines) > 2 * len(self._jobs) + 64:
            self._deadlines = [entry for entry in self._deadlines if not entry[2].ended]
            heapq.heapify(self._deadlines)

    def _disconnected(self, event: Disconnected, now: float, out: list[Instruction]) -> None:
        # A client may disconnect while its answer is on the way.
        if not event.job.ended:
            self._abandon(event.job, End.DISCONNECTED, RestartReason.CANCELLED, now, out)

    def _slot_ready(self, event: SlotReady, now: float, out: list[Instruction]) -> None:
        self._slots.setdefault(event.slot, _Slot())
        self._move(event.slot, event)
        self._idle.append(event.slot)

    def _call_ended(self, event: CallEnded, now: float, out: list[Instruction]) -> None:
        slot = self._move(event.slot, event)
        for job, outcome in zip(slot.call.jobs, event.outcomes, strict=True):
            if outcome is not None and not job.ended:
                self._finish(job, End.ANSWERED, out, outcome)
            elif not job.ended and not job.step:
                self.queue.requeue(job)
            elif not job.ended:
                self._finish(job, End.LOST, out)
        self._end_call(slot, now)
        if event.retired:
            slot.availability = Availability.ABSENT
        else:
            self._idle.append(event.slot)

    def _slot_lost(self, event: SlotLost, now: float, out: list[Instruction]) -> None:
        slot = self._slots[event.slot]
        was_idle = slot.availability is Availability.IDLE
        self._move(event.slot, event)
        if was_idle:
            self._idle.remove(event.slot)
            return
        for job in slot.call.jobs:
            if job.ended:
                continue
            job.losses += 1
            job.crashes += event.crashed
            if job.crashes >= MAX_CRASHES or (job.step and event.crashed):
                self._finish(job, End.CRASHED, out)
            elif job.losses >= MAX_LOSSES or job.step:
                self._finish(job, End.LOST, out)
            else:
                self.queue.requeue(job)
        self._end_call(slot, now)

    def _end_call(self, slot: _Slot, now: float) -> None:
        note = self._background.note_step if slot.call.is_step else self._background.note_request
        note(now - slot.call.began)
        slot.call = _Call((), 0.0)

    def _turn_ended(self, event: TurnEnded, now: float, out: list[Instruction]) -> None:
        """Nothing but what follows every event."""

    def _timer_fired(self, event: TimerFired, now: float, out: list[Instruction]) -> None:
        while self._deadlines and self._deadlines[0][0] <= now:
            job = heapq.heappop(self._deadlines)[2]
            if not job.ended:
                self._abandon(job, End.EXPIRED, RestartReason.DEADLINE, now, out)
        for number, slot in self._busy():
            if slot.call.check_at <= now:
                for job in slot.call.jobs:
                    if job.step and not job.ended:
                        self._finish(job, End.EXPIRED, out)
                kill = Kill(number, slot.call.reason)
                self._move(number, kill)
                out.append(kill)

    def _workers_withdrawn(self, event: WorkersWithdrawn, now: float, out: list[Instruction]) -> None:
        for job in list(self._jobs):
            self._abandon(job, End.WITHDRAWN, RestartReason.RECYCLE, now, out)

    def _drain_ended(self, event: DrainEnded, now: float, out: list[Instruction]) -> None:
        self._stopped = True
        for job in list(self._jobs):
            self._abandon(job, End.STOPPED, RestartReason.DRAIN, now, out)

    def _abandon(self, job: Job, end: End, reason: RestartReason, now: float, out: list[Instruction]) -> None:
        """Finish a job that has no answer, and its call if no client waits for that any more."""
        self._finish(job, end, out)
        if job.queued:
            (self._background if job.step else self.queue).remove(job)
            return
        if job.step:
            return
        assert job.slot is not None
        call = self._slots[job.slot].call
        if not call.waited_for:
            call.reason = reason
            call.check_at = now if call.expected_end > now + RESPAWN_S else now + RESPAWN_S
        elif end is End.EXPIRED and call.expected_end <= now:
            call.check_at = min(call.check_at, now + RESPAWN_S)

    def _finish(self, job: Job, end: End, out: list[Instruction], outcome: Outcome | None = None) -> None:
        job.ended = True
        del self._jobs[job]
        out.append(Finish(job, end, outcome))

    def _fill(self, now: float, out: list[Instruction]) -> None:
        """Give waiting jobs to idle slots; the one that was busy last has the warmest caches."""
        while self._idle:
            if not self._background.owed and (jobs := self._batch(now, out)):
                call = self._call_of(jobs, now)
            elif (step := self._background.take()) is not None:
                step.deadline = now + STEP_LIMIT_S
                call = _Call((step,), now + STEP_S, now, step.deadline)
            else:
                return
            self._begin(self._idle.pop(), call, now, out)

    def _call_of(self, jobs: list[Job], now: float) -> _Call:
        cost = jobs[0].overhead + sum(job.marginal for job in jobs)
        check_at = now + HANG_S + HANG_FACTOR * cost if len(jobs) > 1 else inf
        return _Call(tuple(jobs), now + cost, now, check_at)

    def _begin(self, number: int, call: _Call, now: float, out: list[Instruction]) -> None:
        start = Start(number, call.jobs)
        for job in call.jobs:
            job.slot = number
            job.attempts += 1
            job.started = job.started or now
        self._move(number, start).call = call
        out.append(start)

    def _batch(self, now: float, out: list[Instruction]) -> list[Job]:
        """Take the jobs of the next call; the first whatever its size, then what fits beside it."""
        jobs: list[Job] = []
        room_s, split_s = self._room(), SPLIT_S
        room_bytes = BATCH_BYTES
        while len(jobs) < self._batch_jobs and (job := self.queue.head()) is not None:
            if job.deadline <= now:
                self._abandon(job, End.EXPIRED, RestartReason.DEADLINE, now, out)
                continue
            if jobs and (jobs[0].alone or job.size > room_bytes):
                break
            if not jobs:
                # Where a call itself costs more, jobs gain by sharing until they have added as much.
                room_s = max(room_s, job.marginal + job.overhead)
                split_s = max(split_s, job.overhead)
            elif job.marginal > room_s or max(job.marginal, jobs[0].marginal) > split_s:
                break
            self.queue.take(job)
            jobs.append(job)
            room_s -= job.marginal
            room_bytes -= job.size
        return jobs

    def _room(self) -> float:
        """Return the seconds of work for the next call: all that waits, unless others are left enough for a call."""
        waiting = self.queue.cost
        running = sum(job.cost for _, slot in self._busy() for job in slot.call.jobs)
        # The one that is to be filled is there.
        present = sum(slot.availability is not Availability.ABSENT for slot in self._slots.values())
        share = max(CALL_S, (waiting + running) / present)
        return min(BATCH_S, share) if waiting > share + CALL_S else BATCH_S

    def _move(self, number: int, event: Event | Instruction) -> _Slot:
        """Bring a slot into its next state."""
        slot = self._slots[number]
        after = TRANSITIONS.get((slot.availability, type(event)))
        if after is None:
            state = slot.availability.name.lower()
            raise ImpossibleEvent(f"slot {number}: {type(event).__name__} while {state}")
        slot.availability = after
        return slot


_HANDLERS: Mapping[type, Callable[[Scheduler, Any, float, list[Instruction]], None]] = MappingProxyType(
    {
        JobArrived: Scheduler._job_arrived,  # noqa: SLF001 - the table belongs to the class
        TurnEnded: Scheduler._turn_ended,  # noqa: SLF001
        Disconnected: Scheduler._disconnected,  # noqa: SLF001
        SlotReady: Scheduler._slot_ready,  # noqa: SLF001
        CallEnded: Scheduler._call_ended,  # noqa: SLF001
        SlotLost: Scheduler._slot_lost,  # noqa: SLF001
        TimerFired: Scheduler._timer_fired,  # noqa: SLF001
        WorkersWithdrawn: Scheduler._workers_withdrawn,  # noqa: SLF001
        DrainEnded: Scheduler._drain_ended,  # noqa: SLF001
    }
)
