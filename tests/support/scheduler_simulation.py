"""The scheduler's world without processes and time: fake slots, a virtual clock, and what must hold."""

from dataclasses import dataclass, field
from functools import cache

from service.api.outcome import Outcome
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
from service.scheduling.job import Job
from service.scheduling.scheduler import BATCH_BYTES, BATCH_S, HANG_S, MAX_LOSSES, Scheduler

BATCH_JOBS = 32

# The finest step of the schedules; sums of costs differ from the scheduler's own by rounding.
EPSILON = 1e-9


@cache
def body_of(size: int) -> bytes:
    """Return a body of so many bytes; one object for each size."""
    return bytes(size)


def number_of(job: Job) -> int:
    """Return the number under which the simulation knows a job."""
    return int(job.request_id)


@dataclass(slots=True)
class Model:
    """What the test knows of one job. losses: of workers while it ran; deaths: those it is blamed for."""

    job: Job
    end: End | None = None
    left: bool = False
    deaths: int = 0
    losses: int = 0
    starts: int = 0
    postponed: bool = False


@dataclass
class Simulation:
    """Feeds events, checks every instruction, and plays the slots: busy holds each one's call."""

    n_slots: int
    now: float = 0.0
    stopped: bool = False
    scheduler: Scheduler = field(default_factory=lambda: Scheduler(BATCH_JOBS))
    jobs: dict[int, Model] = field(default_factory=dict)
    idle: set[int] = field(default_factory=set)
    busy: dict[int, tuple[int, ...]] = field(default_factory=dict)
    began: dict[int, float] = field(default_factory=dict)
    doomed: set[int] = field(default_factory=set)
    dying: dict[int, tuple[int, ...]] = field(default_factory=dict)

    @property
    def absent(self) -> list[int]:
        """Return the slots without a worker."""
        return [slot for slot in range(self.n_slots) if slot not in self.idle | self.doomed | set(self.busy)]

    @property
    def unfinished(self) -> list[int]:
        """Return the jobs without an end."""
        return [number for number, job in self.jobs.items() if job.end is None]

    def arrive(self, subject: str, cost: float, size: int, patience: float, *, held: bool = False) -> int:
        """Let a job arrive that has `patience` seconds, `held` with others behind it; return its number."""
        number = len(self.jobs)
        job = Job(str(number), subject, body_of(size), "json", self.now + patience, cost=cost)
        self.jobs[number] = Model(job)
        self.feed(JobArrived(job))
        if not held:
            self.turn()
        return number

    def turn(self) -> None:
        """Let those that arrived together start."""
        self.feed(TurnEnded())

    def leave(self, number: int) -> None:
        """Let a client go away."""
        self.jobs[number].left = True
        self.feed(Disconnected(self.jobs[number].job))

    def ready(self, slot: int) -> None:
        """Give a slot a new worker."""
        self.idle.add(slot)
        self.feed(SlotReady(slot))

    def answer(self, slot: int, *, postpone: bool = False, retire: bool = False) -> None:
        """Let a call come back, maybe without an answer for its last job."""
        numbers = self.busy.pop(slot)
        postponed = numbers[-1:] if postpone and len(numbers) > 1 else ()
        for number in postponed:
            self.jobs[number].postponed = True
        if not retire:
            self.idle.add(slot)
        outcomes = tuple(None if number in postponed else Outcome("ok", b"") for number in numbers)
        self.feed(CallEnded(slot, outcomes, retire))

    def die(self, slot: int, *, from_outside: bool = False) -> None:
        """Let a worker die: of our kill if it was doomed, of a stranger's, or by a crash."""
        crashed = slot not in self.doomed and not from_outside
        for number in self.busy.get(slot, ()) or self.dying.pop(slot, ()):
            self.jobs[number].losses += 1
            self.jobs[number].deaths += crashed
        self.idle.discard(slot)
        self.doomed.discard(slot)
        self.busy.pop(slot, None)
        self.feed(SlotLost(slot, crashed))

    def stop(self) -> None:
        """End the drain."""
        self.stopped = True
        self.feed(DrainEnded())

    def advance(self, seconds: float) -> None:
        """Let time pass; the scheduler is woken whenever it asked for it."""
        until = self.now + seconds
        while (wake_at := self.scheduler.wake_at()) is not None and wake_at <= until:
            self.now = max(self.now, wake_at)
            self.feed(TimerFired())
            again = self.scheduler.wake_at()
            assert again is None or again > self.now, "it asks to be woken in the past"
        self.now = until

    def lag(self, seconds: float) -> None:
        """Let time pass while the event loop is blocked, so that nobody is woken."""
        self.now += seconds

    def feed(self, event: Event) -> None:
        """Pass an event on, carry out the instructions, and check the whole."""
        for instruction in self.scheduler.handle(event, self.now):
            match instruction:
                case Start():
                    self._check_start(instruction)
                case Finish():
                    self._check_finish(instruction, event)
                case Kill():
                    self._check_kill(instruction)
        self._check_state(event)

    def _check_start(self, start: Start) -> None:
        numbers = tuple(number_of(job) for job in start.jobs)
        jobs = [self.jobs[number] for number in numbers]
        assert not self.stopped, "started after the end"
        assert start.slot in self.idle, "started on a slot that is not idle"
        assert jobs, "an empty call"
        assert not set(numbers) & {number for call in self.busy.values() for number in call}, "runs twice"
        for job in jobs:
            assert job.end is None, "started after its end"
            assert job.job.deadline > self.now, "started after its deadline"
            job.starts += 1
            tried = job.starts > 1
            assert not tried or len(jobs) == 1, "tried again, but not alone"
        if len(jobs) > 1:
            assert len(jobs) <= BATCH_JOBS
            first, *rest = start.jobs
            assert first.cost + sum(job.cost for job in rest) <= max(BATCH_S, first.cost) + EPSILON
            assert first.size + sum(job.size for job in rest) <= max(BATCH_BYTES, first.size)
        self.idle.discard(start.slot)
        self.busy[start.slot] = numbers
        self.began[start.slot] = self.now

    def _check_finish(self, finish: Finish, event: Event) -> None:
        job = self.jobs[number_of(finish.job)]
        assert job.end is None, "finished twice"
        assert (finish.outcome is not None) == (finish.end is End.ANSWERED)
        job.end = finish.end
        match finish.end:
            case End.ANSWERED:
                assert isinstance(event, CallEnded)
                assert finish.outcome in event.outcomes
            case End.EXPIRED:
                assert job.job.deadline <= self.now
            case End.DISCONNECTED:
                assert job.left
            case End.CRASHED:
                assert job.deaths == 2
            case End.LOST:
                assert job.losses == MAX_LOSSES
            case End.STOPPED:
                assert self.stopped

    def _check_kill(self, kill: Kill) -> None:
        assert kill.slot in self.busy, "killed without a call, or twice"
        waiting = [number for number in self.busy[kill.slot] if self.jobs[number].end is None]
        expired = any(self.jobs[number].end is End.EXPIRED for number in self.busy[kill.slot])
        overdue = len(self.busy[kill.slot]) > 1 and self.now >= self.began[kill.slot] + HANG_S
        assert not waiting or overdue or expired, "killed under a client that waits"
        self.dying[kill.slot] = self.busy.pop(kill.slot)
        self.doomed.add(kill.slot)

    def _check_state(self, event: Event) -> None:
        assert len(self.unfinished) == self.scheduler.unfinished
        running = {number for call in self.busy.values() for number in call}
        if not isinstance(event, JobArrived):
            assert not (self.idle and self.scheduler.queue.count), "a job waits beside an idle slot"
        queued = [job.cost for job in self.scheduler.queue]
        assert len(queued) == self.scheduler.queue.count
        assert abs(sum(queued) - self.scheduler.queue.cost) < EPSILON
        assert not running & {number_of(job) for job in self.scheduler.queue}
        for number in self.unfinished:
            job = self.jobs[number]
            assert job.deaths < 2, "tried again after two crashes"
            assert job.losses < MAX_LOSSES, "tried for ever"
            assert not job.left, "kept after its client left"
            assert not self.stopped, "kept after the end"
            if isinstance(event, TimerFired):
                assert job.job.deadline > self.now, "kept after its deadline"
