"""Runs the scheduler with simulated slots and a virtual clock, and checks every instruction against its rules."""

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
    WorkersWithdrawn,
)
from service.scheduling.job import Job
from service.scheduling.scheduler import BATCH_BYTES, BATCH_S, HANG_S, MAX_LOSSES, Scheduler

BATCH_JOBS = 32

# Seconds. Sums of costs differ from the scheduler's own sums by rounding, far less than this.
EPSILON = 1e-9


@cache
def body_of(size: int) -> bytes:
    """Return a body of so many bytes; one object for each size."""
    return bytes(size)


def number_of(job: Job) -> int:
    """Return the key of a job in `Simulation.jobs`."""
    return int(job.request_id)


@dataclass(slots=True)
class SimulatedJob:
    """What the simulation knows of one job.

    losses: workers lost while they ran it; crashes: those of them that it is blamed for; attempts: calls begun
    with it; postponed: a call ended without its outcome; end: None until the scheduler has finished it.
    """

    job: Job
    end: End | None = None
    disconnected: bool = False
    crashes: int = 0
    losses: int = 0
    attempts: int = 0
    postponed: bool = False


@dataclass
class Simulation:
    """The scheduler, its clock and its slots.

    A method for each thing that can happen passes the event to the scheduler, applies its instructions to the
    slots and checks them. now: the virtual time in seconds; drained: `end_drain` was called; share: of the time, for
    steps while requests wait; jobs: by number, requests and steps of durable jobs;
    idle: slots that wait for a call; busy: the numbers of the jobs in each running call; began: when each slot's
    last call began; killed: slots whose worker was killed and has not ended yet; killed_calls: their calls.
    """

    n_slots: int
    now: float = 0.0
    drained: bool = False
    share: float = 0.0
    scheduler: Scheduler = field(init=False)
    jobs: dict[int, SimulatedJob] = field(default_factory=dict)
    idle: set[int] = field(default_factory=set)
    busy: dict[int, tuple[int, ...]] = field(default_factory=dict)
    began: dict[int, float] = field(default_factory=dict)
    killed: set[int] = field(default_factory=set)
    killed_calls: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the scheduler."""
        self.scheduler = Scheduler(BATCH_JOBS, self.share)

    @property
    def without_worker(self) -> list[int]:
        """Return the slots without a worker."""
        return [slot for slot in range(self.n_slots) if slot not in self.idle | self.killed | set(self.busy)]

    @property
    def unfinished(self) -> list[int]:
        """Return the jobs without an end."""
        return [number for number, job in self.jobs.items() if job.end is None]

    def submit(
        self,
        subject: str = "s",
        cost: float = 0.01,
        size: int = 1000,
        timeout: float = 10.0,
        *,
        held: bool = False,
    ) -> int:
        """Submit a job with a deadline `timeout` seconds from now; return its number.

        It may start at once, unless it is `held`: then other jobs arrive in the same turn of the event loop,
        and `end_turn` must follow.
        """
        number = len(self.jobs)
        job = Job(str(number), subject, body_of(size), "score", self.now + timeout, cost=cost)
        self.jobs[number] = SimulatedJob(job)
        self.handle(JobArrived(job))
        if not held:
            self.end_turn()
        return number

    def offer_step(self, subject: str = "s") -> int:
        """Offer a step of a durable job; return its number."""
        number = len(self.jobs)
        job = Job(str(number), subject, b"", "corpus_step", 0.0, step=True)
        self.jobs[number] = SimulatedJob(job)
        self.handle(JobArrived(job))
        self.end_turn()
        return number

    @property
    def waiting_steps(self) -> list[int]:
        """Return the steps that no slot has been given yet."""
        return [
            number
            for number in self.unfinished
            if self.jobs[number].job.step and not self.jobs[number].attempts
        ]

    def end_turn(self) -> None:
        """End the event loop's turn: the jobs that arrived in it may start."""
        self.handle(TurnEnded())

    def disconnect(self, number: int) -> None:
        """Let the client of a job disconnect."""
        self.jobs[number].disconnected = True
        self.handle(Disconnected(self.jobs[number].job))

    def start_worker(self, slot: int) -> None:
        """Give a slot a new worker."""
        self.idle.add(slot)
        self.handle(SlotReady(slot))

    def answer(self, slot: int, *, postpone: bool = False, retire: bool = False) -> None:
        """End a slot's call with an answer for each job.

        postpone: the last of several jobs gets none; retire: the worker is being replaced.
        """
        numbers = self.busy.pop(slot)
        postponed = numbers[-1:] if postpone and len(numbers) > 1 else ()
        for number in postponed:
            self.jobs[number].postponed = True
        if not retire:
            self.idle.add(slot)
        outcomes = tuple(None if number in postponed else Outcome("ok", b"") for number in numbers)
        self.handle(CallEnded(slot, outcomes, retire))

    def lose_worker(self, slot: int, *, from_outside: bool = False) -> None:
        """End a slot's worker: by the scheduler's kill if there was one, else `from_outside` or by a crash."""
        crashed = slot not in self.killed and not from_outside
        for number in self.busy.get(slot, ()) or self.killed_calls.pop(slot, ()):
            self.jobs[number].losses += 1
            self.jobs[number].crashes += crashed
        self.idle.discard(slot)
        self.killed.discard(slot)
        self.busy.pop(slot, None)
        self.handle(SlotLost(slot, crashed))

    def withdraw_workers(self) -> None:
        """Let no worker serve: every job ends, and the service kills every worker."""
        self.handle(WorkersWithdrawn())
        assert self.unfinished == []
        for slot in sorted({*self.busy, *self.idle}):
            self.lose_worker(slot, from_outside=True)

    def end_drain(self) -> None:
        """End the drain: nothing may start from now on."""
        self.drained = True
        self.handle(DrainEnded())

    def advance(self, seconds: float) -> None:
        """Let time pass, and wake the scheduler at each time it asks for."""
        until = self.now + seconds
        while (wake_at := self.scheduler.wake_at()) is not None and wake_at <= until:
            self.now = max(self.now, wake_at)
            self.handle(TimerFired())
            again = self.scheduler.wake_at()
            assert again is None or again > self.now, "it asks to be woken in the past"
        self.now = until

    def block_loop(self, seconds: float) -> None:
        """Let time pass while the event loop is blocked: the scheduler is not woken."""
        self.now += seconds

    def handle(self, event: Event) -> None:
        """Pass an event to the scheduler, apply its instructions, and check them and the state."""
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
        assert not self.drained, "started after the drain"
        assert start.slot in self.idle, "started on a slot that is not idle"
        assert jobs, "an empty call"
        assert not set(numbers) & {number for call in self.busy.values() for number in call}, "runs twice"
        for job in jobs:
            assert job.end is None, "started after its end"
            assert job.job.deadline > self.now, "started after its deadline"
            job.attempts += 1
            tried = job.attempts > 1
            assert not tried or len(jobs) == 1, "tried again, but not alone"
        if jobs[0].job.step:
            assert len(jobs) == 1, "a step shares its call"
            assert not tried, "a step was tried again"
            assert self.share or not self.scheduler.queue.count, "a step goes before a request"
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
                assert job.disconnected
            case End.CRASHED:
                assert job.crashes == (1 if job.job.step else 2)
            case End.LOST:
                assert job.losses == (1 if job.job.step else MAX_LOSSES)
            case End.WITHDRAWN:
                assert isinstance(event, WorkersWithdrawn)
            case End.STOPPED:
                assert self.drained

    def _check_kill(self, kill: Kill) -> None:
        assert kill.slot in self.busy, "killed without a call, or twice"
        waiting = [number for number in self.busy[kill.slot] if self.jobs[number].end is None]
        expired = any(self.jobs[number].end is End.EXPIRED for number in self.busy[kill.slot])
        overdue = len(self.busy[kill.slot]) > 1 and self.now >= self.began[kill.slot] + HANG_S
        assert not waiting or overdue or expired, "killed while a client waits for it"
        self.killed_calls[kill.slot] = self.busy.pop(kill.slot)
        self.killed.add(kill.slot)

    def _check_state(self, event: Event) -> None:
        assert len(self.unfinished) == self.scheduler.unfinished
        running = {number for call in self.busy.values() for number in call}
        if not isinstance(event, JobArrived):
            assert not (self.idle and self.scheduler.queue.count), "a job waits beside an idle slot"
            assert not (self.idle and self.waiting_steps), "a step waits beside an idle slot"
        queued = [job.cost for job in self.scheduler.queue]
        assert len(queued) == self.scheduler.queue.count
        assert abs(sum(queued) - self.scheduler.queue.cost) < EPSILON
        assert not running & {number_of(job) for job in self.scheduler.queue}
        for number in self.unfinished:
            job = self.jobs[number]
            assert job.crashes < 2, "tried again after two crashes"
            assert job.losses < MAX_LOSSES, "tried without end"
            assert not job.disconnected, "kept after its client left"
            assert not self.drained, "kept after the drain"
            if isinstance(event, TimerFired) and (not job.job.step or job.attempts):
                assert job.job.deadline > self.now, "kept after its deadline"


def ready_simulation(n_slots: int) -> Simulation:
    """Return a simulation in which every slot has an idle worker."""
    simulation = Simulation(n_slots)
    for slot in range(n_slots):
        simulation.start_worker(slot)
    return simulation
