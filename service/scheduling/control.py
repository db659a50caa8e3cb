"""Everything that is decided about the requests of one pool, as one pure object: the clock is an argument.

    admit ─→ Permit        enter: cost, wait, answer ─→ JobArrived ─→ instructions
    check_head             measure: true answer             handle ─→ instructions
                           learn: cost

It joins admission, prediction and the scheduler, which know nothing of each other. The dispatcher carries its decisions
out in the event loop; the capacity simulation does so with a simulated clock, and so decides exactly as a server.
"""

from collections.abc import Callable, Sequence
from random import Random

from service.api.outcome import Outcome
from service.api.request import Operation
from service.errors import Refused
from service.limits import PoolLimits
from service.scheduling.admission import Admission, Permit, QueueLoad
from service.scheduling.cost import Measured
from service.scheduling.events import Event, Instruction, JobArrived
from service.scheduling.features import Features, KnownModel
from service.scheduling.job import Job
from service.scheduling.prediction import Predictor
from service.scheduling.scheduler import Scheduler


class Control:
    """Admission, prediction and scheduling of one pool. Times are seconds of one clock that never goes back."""

    def __init__(
        self, limits: PoolLimits, predictor: Predictor, random: Random, idle: Callable[[], None]
    ) -> None:
        """`idle` is called when the last permit was released."""
        self.admission = Admission(limits, random, idle)
        self.scheduler = Scheduler(limits.batch_jobs, limits.background_share)
        self._limits = limits
        self._predictor = predictor

    def follow(self, model: KnownModel | None) -> None:
        """Predict for this model from now on; what was learned of costs stays."""
        self._predictor.follow(model)

    @property
    def congested(self) -> bool:
        """Whether so much waits that a request could be refused."""
        return self.scheduler.queue.cost > self._limits.queue_budget_s * self._limits.workers / 2

    def check_head(self, subject: str, size: int, time_left: float, now: float) -> None:
        """Check that a request of which only the size is known could come in. Raises: Refused."""
        self.admission.check_wait(self._predictor.expect(subject, size), time_left, self._load(subject, now))

    def admit(self, subject: str, content_length: int | None, deadline: float, now: float) -> Permit:
        """Decide, before the body is read, whether a request may come in. Raises: Refused."""
        self.check_head(subject, content_length or 0, deadline - now, now)
        return self.admission.admit(subject, content_length)

    def read(self, body: bytes, operation: Operation) -> Features:
        """Return what is known of a body without parsing it; some ten microseconds."""
        return self._predictor.read(body, operation)

    def enter(self, permit: Permit, job: Job, now: float) -> list[Instruction]:
        """Take a job of known features in; `TurnEnded` must follow.

        The permit is charged with the answer's predicted size, until `measure` corrects it. Raises: Refused.
        """
        predicted = self._predictor.predict(job)
        self.admission.check_wait(job.cost, job.deadline - now, self._load(job.subject, now))
        self.admission.charge_answer(permit, min(predicted, self._limits.max_answer_bytes))
        return self.scheduler.handle(JobArrived(job), now)

    def handle(self, event: Event, now: float) -> list[Instruction]:
        """Pass an event to the scheduler and return what is to be done, in order."""
        return self.scheduler.handle(event, now)

    def learn(self, call: Sequence[Measured], seconds: float) -> None:
        """Learn from the seconds that a worker took for all bodies of a call."""
        self._predictor.learn(call, seconds)

    def measure(self, permit: Permit, outcome: Outcome) -> None:
        """Charge the permit with the true size of the answer. Raises: Refused, with the answer dropped."""
        try:
            self.admission.charge_answer(permit, len(outcome.body))
        except Refused:
            # The refusal's traceback refers to the outcome until it is answered.
            outcome.take_body()
            raise

    def _load(self, subject: str, now: float) -> QueueLoad:
        queue = self.scheduler.queue
        own = queue.cost_of(subject)
        others = queue.subjects - (own > 0)
        return QueueLoad(self.scheduler.running_s(now), queue.cost, own, others, self._limits.workers)
