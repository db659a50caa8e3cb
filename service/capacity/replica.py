"""One simulated server: the real admission and scheduling, with its event loop, workers and clock simulated.

    arrive ─→ arrivals ─→ begin ─→ admit ── Refused ──────────→ refused
                                     └─→ enter ─→ control ─→ Start ─→ call ─→ call ended ─→ answers ─→ ended

The event loop does one thing at a time, and in the order of the real one: calls that have ended first, then answers,
then at most `PER_TURN` new requests, then the turn ends and what has arrived may start.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from random import Random

from service.api.outcome import Outcome
from service.capacity.costs import Costs, RequestKind
from service.capacity.processors import Processors
from service.connections.deferral import PER_TURN, WaitingStarts
from service.errors import Refused
from service.limits import PoolLimits
from service.scheduling.admission import Permit
from service.scheduling.control import Control
from service.scheduling.cost import Measured
from service.scheduling.events import (
    CallEnded,
    Finish,
    Instruction,
    Kill,
    SlotLost,
    SlotReady,
    Start,
    TimerFired,
    TurnEnded,
)
from service.scheduling.features import KnownModel
from service.scheduling.job import Job
from service.scheduling.prediction import DocumentPredictor
from service.scheduling.scheduler import RESPAWN_S

# Of the server's processor time for a scored request, what comes before a worker has it; the rest is its answer. Where
# the line is hardly matters: both are small beside the call.
BEGIN_SHARE = 0.5

# Of the control's prediction of answers, which needs the dimensions only where a request asks for vectors.
_MODEL = KnownModel()


@dataclass(slots=True, eq=False)
class Request:
    """One simulated request. Times are simulated seconds.

    due: when its client wanted to send it. sent: when a connection was free. ended: inf until it has an answer.
    code: `ok`, or the problem's. retry_after: seconds, where it was refused.
    """

    due: float
    subject: str
    sent: float = inf
    ended: float = inf
    code: str = ""
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class Machine:
    """What each replica has. cpus: processors, maybe a fraction. limits: as of a real pool, its workers among them."""

    cpus: float
    limits: PoolLimits
    request_timeout_s: float = 30.0


@dataclass(slots=True)
class _Admitted:
    request: Request
    permit: Permit


class Replica:
    """One simulated server; `ended` is called with each request once, when its client has its answer."""

    def __init__(
        self,
        machine: Machine,
        kind: RequestKind,
        costs: Costs,
        random: Random,
        ended: Callable[[Request], None],
    ) -> None:
        self.in_flight = 0
        self.next_at = inf
        self._machine, self._kind, self._costs, self._random = machine, kind, costs, random
        self._report = ended
        self._body, self._answer = bytes(kind.body_bytes), bytes(kind.answer_bytes)
        predictor = DocumentPredictor(machine.limits.max_documents, _MODEL, random)
        self._control = Control(machine.limits, predictor, random, lambda: None)
        self._processors = Processors(machine.cpus, costs.slowdown)
        self._admitted: dict[Job, _Admitted] = {}
        self._running: dict[int, tuple[tuple[Job, ...], float]] = {}
        self._respawning: deque[tuple[float, int]] = deque()
        # What the event loop has to do, and what it will have done when its current work ends.
        self._reports: deque[int] = deque()
        self._answers: deque[Request] = deque()
        self._arrivals: WaitingStarts[Request] = WaitingStarts()
        self._left_in_turn = PER_TURN
        self._working: Callable[[float], None] | None = None
        for slot in range(machine.limits.workers):
            self._carry_out(self._control.handle(SlotReady(slot), 0.0), 0.0)

    @property
    def busy_s(self) -> float:
        """The seconds that its workers were busy, all together."""
        return self._processors.busy_s

    def arrive(self, request: Request, now: float) -> None:
        """Take a request from the network."""
        self._processors.advance(now)
        self.in_flight += 1
        self._arrivals.add(request)
        self._go_on(now)

    def fire(self, now: float) -> None:
        """Do what is due at `next_at`."""
        self._processors.advance(now)
        while (slot := self._processors.take_ended_call()) is not None:
            self._reports.append(slot)
        while self._respawning and self._respawning[0][0] <= now:
            slot = self._respawning.popleft()[1]
            self._carry_out(self._control.handle(SlotReady(slot), now), now)
        wake_at = self._control.scheduler.wake_at()
        if wake_at is not None and wake_at <= now:
            self._carry_out(self._control.handle(TimerFired(), now), now)
        if self._processors.take_ended_loop():
            working, self._working = self._working, None
            assert working is not None
            working(now)
        self._go_on(now)

    def _go_on(self, now: float) -> None:
        """Give the event loop its next work, if it has none, and note when something happens next."""
        while not self._processors.loop_busy and self._begin_work(now):
            pass
        wake_at = self._control.scheduler.wake_at()
        self.next_at = max(now, min(self._processors.next_end(), inf if wake_at is None else wake_at))
        if self._respawning:
            self.next_at = min(self.next_at, self._respawning[0][0])

    def _begin_work(self, now: float) -> bool:
        """Begin what the event loop does next; return whether there was anything."""
        if self._reports:
            self._end_call(self._reports.popleft(), now)
        elif self._answers:
            self._work((1 - BEGIN_SHARE) * self._costs.served_s, partial(self._end, self._answers.popleft()))
        elif self._arrivals and self._left_in_turn:
            self._left_in_turn -= 1
            self._begin(self._arrivals.take(), now)
        elif self._left_in_turn < PER_TURN:
            self._left_in_turn = PER_TURN
            self._carry_out(self._control.handle(TurnEnded(), now), now)
        else:
            return False
        return True

    def _work(self, seconds: float, then: Callable[[float], None]) -> None:
        self._processors.run_loop(seconds)
        self._working = then

    def _begin(self, request: Request, now: float) -> None:
        """Decide by a request's head whether it may come in."""
        deadline = now + self._machine.request_timeout_s
        try:
            permit = self._control.admit(request.subject, self._kind.body_bytes, deadline, now)
        except Refused as refusal:
            _note_refusal(request, refusal)
            self._work(self._costs.refused_s, partial(self._end, request))
            return
        job = Job("", request.subject, self._body, "score", deadline)
        job.features = self._random.choice(self._kind.features)
        self._work(BEGIN_SHARE * self._costs.served_s, partial(self._enter, _Admitted(request, permit), job))

    def _enter(self, admitted: _Admitted, job: Job, now: float) -> None:
        """Let a request wait, now that its body is known, or refuse it after all."""
        try:
            instructions = self._control.enter(admitted.permit, job, now)
        except Refused as refusal:
            _note_refusal(admitted.request, refusal)
            admitted.permit.__exit__(None, None, None)
            self._end(admitted.request, now)
            return
        self._admitted[job] = admitted
        self._carry_out(instructions, now)

    def _end_call(self, slot: int, now: float) -> None:
        jobs, began = self._running.pop(slot)
        seconds = now - began - self._costs.handover_s
        self._control.learn([Measured(job.subject, job.features, scored=True) for job in jobs], seconds)
        outcomes = tuple(Outcome("ok", self._answer) for _ in jobs)
        self._carry_out(self._control.handle(CallEnded(slot, outcomes), now), now)

    def _carry_out(self, instructions: list[Instruction], now: float) -> None:
        for instruction in instructions:
            match instruction:
                case Start(slot, jobs):
                    seconds = self._costs.sample_call(len(jobs), self._random) + self._costs.handover_s
                    self._running[slot] = (jobs, now)
                    self._processors.run_call(slot, seconds)
                case Finish():
                    self._finish(instruction)
                case Kill(slot, _):
                    self._kill(slot, now)

    def _finish(self, finish: Finish) -> None:
        """Have a request answered; its permit is held until then, as by the real endpoint."""
        admitted = self._admitted.pop(finish.job)
        admitted.request.code = finish.end.value if finish.outcome is None else "ok"
        if finish.outcome is not None:
            try:
                self._control.measure(admitted.permit, finish.outcome)
            except Refused as refusal:
                _note_refusal(admitted.request, refusal)
        admitted.permit.__exit__(None, None, None)
        self._answers.append(admitted.request)

    def _kill(self, slot: int, now: float) -> None:
        del self._running[slot]
        if slot in self._reports:
            self._reports.remove(slot)
        else:
            self._processors.kill_call(slot)
        self._carry_out(self._control.handle(SlotLost(slot, crashed=False), now), now)
        self._respawning.append((now + RESPAWN_S, slot))

    def _end(self, request: Request, now: float) -> None:
        self.in_flight -= 1
        request.ended = now
        self._report(request)


def _note_refusal(request: Request, refusal: Refused) -> None:
    request.code, request.retry_after = refusal.code, refusal.retry_after or 0
