"""Of a scorer of which nothing is known it is learned what a call costs beside its jobs, and that decides batches."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.outcome import Outcome
from service.scheduling.call_cost import MAX_SUBJECTS, SizePredictor
from service.scheduling.cost import Measured
from service.scheduling.events import CallEnded, JobArrived, SlotReady, Start, TurnEnded
from service.scheduling.features import Features
from service.scheduling.job import Job
from service.scheduling.scheduler import Scheduler

# Seconds of a call with these sizes of bodies.
Takes = Callable[[list[int]], float]

CLIENTS = 16


class ClosedLoop:
    """Clients that send their next request when they have an answer, one slot, and a simulated clock."""

    def __init__(self, takes: Takes, hints: tuple[float, ...] = ()) -> None:
        self.predictor = SizePredictor(32, hints)
        self.batches: list[int] = []
        self.now = 0.0
        self._takes = takes
        self._random = Random(1)
        self._scheduler = Scheduler(32)
        self._scheduler.handle(SlotReady(0), 0.0)
        for _ in range(CLIENTS):
            self._send()
        self._next = self._scheduler.handle(TurnEnded(), 0.0)

    def run(self, calls: int) -> None:
        """Run so many calls."""
        for _ in range(calls):
            (start,) = [each for each in self._next if isinstance(each, Start)]
            took = self._takes([job.size for job in start.jobs]) * self._random.uniform(0.9, 1.1)
            self.now += took
            self.batches.append(len(start.jobs))
            measured = [
                Measured(job.subject, job.features, scored=True, answer_bytes=10) for job in start.jobs
            ]
            self.predictor.learn(measured, took)
            for _ in start.jobs:
                self._send()
            outcomes = tuple(Outcome("ok", b"") for _ in start.jobs)
            self._next = self._scheduler.handle(CallEnded(0, outcomes), self.now)
            self._next += self._scheduler.handle(TurnEnded(), self.now)

    def _send(self) -> None:
        body = b"x" * self._random.choice((10, 100, 1_000))
        job = Job("r", f"s{self._random.randrange(4)}", body, "score", 1e9)
        job.features = self.predictor.read(body, "score")
        self.predictor.predict(job)
        self._scheduler.handle(JobArrived(job), self.now)


def test_calls_with_a_fixed_cost_come_to_be_shared() -> None:
    """By all that wait, within some dozens of calls."""
    loop = ClosedLoop(lambda sizes: 0.005 + 0.0001 * len(sizes))

    loop.run(100)
    began, before = loop.now, len(loop.batches)
    loop.run(100)

    rate = sum(loop.batches[before:]) / (loop.now - began)
    assert rate > 4 / 0.0051
    assert loop.predictor.overhead == pytest.approx(0.005, rel=0.2)


def test_slow_jobs_share_a_call_that_is_slower_still() -> None:
    """Also where each of them takes longer than jobs that are worth a call of their own."""
    loop = ClosedLoop(lambda sizes: 0.5 + 0.02 * len(sizes))

    loop.run(200)

    assert sum(loop.batches[-50:]) > 50 * 6


@pytest.mark.parametrize("each", [0.03, 1.0])
def test_jobs_that_do_not_gain_come_to_go_alone(each: float) -> None:
    """No client waits for another's answer in vain, but for a rare trial."""
    loop = ClosedLoop(lambda sizes: each * len(sizes))

    loop.run(600)

    assert sum(size > 1 for size in loop.batches[-300:]) < 30


def test_the_first_jobs_go_alone() -> None:
    """Before the first answer nothing is known of what they take."""
    loop = ClosedLoop(lambda sizes: 10.0 * len(sizes))

    loop.run(1)

    assert loop.batches == [1]


def test_a_batch_is_never_longer_than_it_is_worth() -> None:
    """Jobs share a call until they have added what it costs itself."""
    loop = ClosedLoop(lambda sizes: 0.2 + 0.1 * len(sizes))

    loop.run(600)

    assert max(loop.batches[300:]) <= 4


def test_costs_follow_the_size() -> None:
    """Ten times the bytes, ten times the seconds, where that is so."""
    loop = ClosedLoop(lambda sizes: 2e-5 * sum(sizes))

    loop.run(800)

    small, large = (predicted(loop.predictor, size) for size in (100, 1_000))
    assert 5 < large.marginal / small.marginal < 15


def test_a_hint_decides_before_anything_is_learned() -> None:
    """Between two samples in proportion."""
    predictor = SizePredictor(32, tuple(2.0**k for k in range(31)))

    assert predicted(predictor, 3).cost == pytest.approx(3.0)
    assert predicted(predictor, 1_500).cost == pytest.approx(1_500.0)


def test_a_subject_with_harder_bodies_has_a_correction_of_its_own() -> None:
    """Others are predicted as before."""
    predictor = SizePredictor(32)
    for _ in range(100):
        for subject, seconds in (("light", 0.01), ("heavy", 0.03)):
            predictor.learn([Measured(subject, Features(100, 1, "none"), scored=True)], seconds)

    light, heavy = (predicted(predictor, 100, subject).cost for subject in ("light", "heavy"))

    assert heavy > 1.3 * light


def test_an_answer_is_predicted_by_its_ratio_to_the_body() -> None:
    """As the last ones were."""
    predictor = SizePredictor(32)
    for _ in range(30):
        predictor.learn([Measured("s", Features(1_000, 1, "none"), scored=True, answer_bytes=50_000)], 0.01)

    assert 40_000 < predictor.predict(predicted(predictor, 1_000)) < 60_000


def test_few_subjects_are_remembered() -> None:
    """Memory is bounded, however many there are."""
    predictor = SizePredictor(32)

    for number in range(MAX_SUBJECTS + 10):
        predictor.learn([Measured(f"s{number}", Features(100, 1, "none"), scored=True)], 0.01)

    assert predictor.subjects == MAX_SUBJECTS


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 2**30), min_size=1, max_size=32),
            st.floats(0, 4_000, allow_subnormal=False),
        ),
        max_size=60,
    )
)
def test_predictions_stay_positive_and_finite(calls: list[tuple[list[int], float]]) -> None:
    """Whatever calls took."""
    predictor = SizePredictor(32)

    for sizes, seconds in calls:
        predictor.learn([Measured("s", Features(size, 1, "none"), scored=True) for size in sizes], seconds)

        job = predicted(predictor, 100)
        assert 0 < job.marginal <= job.cost < 1e9
        assert predictor.expect("s", 100) > 0


def predicted(predictor: SizePredictor, size: int, subject: str = "s") -> Job:
    """Return a job with its predictions."""
    job = Job("r", subject, b"x" * size, "score", 1.0)
    job.features = predictor.read(job.body, "score")
    predictor.predict(job)
    return job
