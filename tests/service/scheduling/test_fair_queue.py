"""The queue serves its subjects by deficit round-robin."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from service.scheduling.fair_queue import QUANTUM_S, FairQueue
from service.scheduling.job import Job

COSTS = st.sampled_from([0.0005, 0.003, 0.015, 0.05, 0.7])


def job(subject: str, cost: float = 0.01) -> Job:
    """Make a job."""
    return Job("request", subject, b"{}", "score", 1e9, cost=cost)


def serve(queue: FairQueue) -> Job:
    """Take the next job."""
    head = queue.head()
    assert head is not None
    queue.take(head)
    return head


def test_jobs_of_one_subject_keep_their_order() -> None:
    """Within a subject the queue is first in, first out."""
    queue = FairQueue()
    jobs = [job("a") for _ in range(5)]
    for item in jobs:
        queue.push(item)

    assert [serve(queue) for _ in jobs] == jobs


def test_subjects_take_turns_by_cost() -> None:
    """A subject with jobs of ten times the cost is served a tenth as often."""
    queue = FairQueue()
    for _ in range(1000):
        queue.push(job("heavy", 0.1))
        queue.push(job("light", 0.01))

    served = Counter(serve(queue).subject for _ in range(550))

    assert served["heavy"] in range(48, 53)


def test_a_subject_that_begins_to_wait_goes_first() -> None:
    """One small job does not wait behind the many jobs of another subject."""
    queue = FairQueue()
    for _ in range(100):
        queue.push(job("heavy", 0.3))
    serve(queue)
    serve(queue)

    small = job("light")
    queue.push(small)

    assert serve(queue) is small


def test_a_light_subject_goes_before_heavy_ones_that_are_as_fresh() -> None:
    """What is favoured is to ask for little, not to be new."""
    queue = FairQueue()
    for number in range(20):
        queue.push(job(f"heavy {number}", 2.0))
    serve(queue)
    small = job("light")
    queue.push(small)

    assert serve(queue) is small


def test_a_light_job_gains_no_place_for_the_heavy_one_behind_it() -> None:
    """A fresh subject is served first only within its quantum."""
    queue = FairQueue()
    for _ in range(3):
        queue.push(job("steady", 0.015))
    serve(queue)
    queue.push(job("sly", 0.001))
    queue.push(job("sly", 2.0))

    assert [serve(queue).subject for _ in range(3)] == ["sly", "steady", "sly"]


@given(
    st.lists(st.floats(QUANTUM_S * 1.01, 5.0), max_size=40), st.integers(0, 40), st.floats(1e-4, QUANTUM_S)
)
def test_no_number_of_heavy_fresh_subjects_delays_a_light_one(
    heavy: list[float], n_served: int, cost: float
) -> None:
    """Not by one job: it waits only for what was taken before it came."""
    queue = FairQueue()
    for number, each in enumerate(heavy):
        queue.push(job(f"heavy {number}", each))
    for _ in range(min(n_served, len(heavy))):
        serve(queue)

    light = job("light", cost)
    queue.push(light)
    for number, each in enumerate(heavy):
        queue.push(job(f"later {number}", each))

    assert serve(queue) is light


@given(st.lists(COSTS, max_size=30), st.lists(COSTS, max_size=30), st.floats(1e-4, QUANTUM_S))
def test_a_light_job_waits_for_at_most_a_quantum_of_each_fresh_subject_before_it(
    before: list[float], after: list[float], cost: float
) -> None:
    """And for no job that costs more than a quantum."""
    queue = FairQueue()
    light = job("light", cost)
    for number, each in enumerate(before):
        queue.push(job(f"before {number}", each))
    queue.push(light)
    for number, each in enumerate(after):
        queue.push(job(f"after {number}", each))

    waited_for = []
    while (taken := serve(queue)) is not light:
        waited_for.append(taken.cost)

    assert waited_for == [each for each in before if each <= QUANTUM_S]


def test_one_huge_job_at_a_time_gives_no_advantage() -> None:
    """A subject's debt for a served job is kept while it has no job waiting."""
    queue = FairQueue()
    for _ in range(1000):
        queue.push(job("steady", 0.01))
    served = Counter[str]()

    for _ in range(10):
        queue.push(job("huge", 1.0))
        while serve(queue).subject == "steady":
            served["steady"] += 1
        served["huge"] += 1

    assert served["steady"] >= 9 * 100 - 10


def test_a_subject_that_never_has_two_jobs_waiting_is_not_always_first() -> None:
    """Otherwise a client that sends its next job at once would starve the others."""
    queue = FairQueue()
    for _ in range(100):
        queue.push(job("patient", 0.01))
    served = Counter[str]()

    for _ in range(60):
        if not queue.cost_of("quick"):
            queue.push(job("quick", 0.01))
        served[serve(queue).subject] += 1

    assert served["patient"] >= 28


def test_a_job_put_back_goes_before_all_others_and_alone() -> None:
    """It had its turn and lost its worker."""
    queue = FairQueue()
    first, second = job("a"), job("b")
    queue.push(first)
    queue.push(second)
    serve(queue)

    queue.requeue(first)

    assert serve(queue) is first
    assert first.alone


def test_a_removed_job_is_not_served() -> None:
    """This holds for the first and for the last job of the queue."""
    queue = FairQueue()
    jobs = [job(subject) for subject in "aabb"]
    for item in jobs:
        queue.push(item)

    queue.remove(jobs[0])
    queue.remove(jobs[3])

    assert [serve(queue), serve(queue), queue.head()] == [jobs[1], jobs[2], None]


def test_counts_and_costs_are_those_of_the_waiting_jobs() -> None:
    """Admission and the gauges read them, in total and for each subject."""
    queue = FairQueue()
    for subject in "aab":
        queue.push(job(subject, 0.5))

    serve(queue)

    assert (queue.count, queue.cost, queue.subjects) == (2, 1.0, 2)
    assert (queue.cost_of("a"), queue.cost_of("b"), queue.cost_of("c")) == (0.5, 0.5, 0.0)


@given(st.lists(st.lists(COSTS, min_size=40, max_size=60), min_size=2, max_size=5), st.integers(1, 60))
def test_waiting_subjects_get_equal_shares(costs: list[list[float]], n_served: int) -> None:
    """The shares of two subjects that always wait differ by at most a quantum and the largest job of each."""
    queue = FairQueue()
    for subject, line in enumerate(costs):
        for cost in line:
            queue.push(job(str(subject), cost))
    given_to = dict.fromkeys(map(str, range(len(costs))), 0.0)

    for _ in range(n_served):
        if queue.subjects < len(costs):
            break
        taken = serve(queue)
        given_to[taken.subject] += taken.cost

    assert max(given_to.values()) - min(given_to.values()) <= QUANTUM_S + 2 * 0.7 + 1e-9


class PlainRounds:
    """Deficit round-robin as in the paper, a quantum at a time, after what is fresh: the order of the queue."""

    def __init__(self, lines: dict[str, list[Job]]) -> None:
        self._lines = lines
        self._deficits = dict.fromkeys(lines, QUANTUM_S)
        self._served: list[Job] = []

    def order(self) -> list[Job]:
        """Return all jobs in the order in which they are served."""
        for subject, line in self._lines.items():
            while line and self._deficits[subject] > 0 and line[0].cost <= self._deficits[subject]:
                self._serve(subject)
        turn = list(self._lines)
        for subject in turn:
            if self._deficits[subject] <= 0:
                self._deficits[subject] += QUANTUM_S
        while turn:
            subject = turn[0]
            if not self._lines[subject]:
                turn.pop(0)
            elif self._deficits[subject] > 0:
                self._serve(subject)
            else:
                self._deficits[subject] += QUANTUM_S
                turn.append(turn.pop(0))
        return self._served

    def _serve(self, subject: str) -> None:
        self._served.append(self._lines[subject].pop(0))
        self._deficits[subject] -= self._served[-1].cost


@given(st.lists(st.lists(COSTS, min_size=1, max_size=12), min_size=1, max_size=6))
def test_skipped_rounds_do_not_change_the_order(costs: list[list[float]]) -> None:
    """The queue pays a debt of many quanta at once and keeps the order of plain deficit round-robin."""
    lines = {str(subject): [job(str(subject), cost) for cost in line] for subject, line in enumerate(costs)}
    queue = FairQueue()
    for line in lines.values():
        for item in line:
            queue.push(item)

    served = [serve(queue) for line in costs for _ in line]

    assert served == PlainRounds(lines).order()
