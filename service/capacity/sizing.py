"""How many workers and replicas a load needs: candidates are simulated until the smallest that fits is found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from service.capacity.costs import Costs, RequestKind
from service.capacity.replica import Machine
from service.capacity.result import Result, of_simulation
from service.capacity.simulation import Balancer, Fleet, Load, Report, simulate

# A fleet fits where no more than this share of the requests is refused.
MAX_REFUSED = 0.001

# More replicas than this for one load are for another tool, and another page of the guide.
MAX_REPLICAS = 1_000

# Requests of one simulation; the 99th percentile of so many is right to some percent.
REQUESTS = 40_000
MIN_SECONDS, MAX_SECONDS = 30.0, 3600.0

# Of the simulated time, for the replicas to learn what requests cost.
WARM_UP = 0.1


@dataclass(frozen=True, slots=True)
class Trial:
    """One fleet under the load. busy: the share of the time that workers were busy."""

    replicas: int
    workers: int
    result: Result
    busy: float
    fits: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What was simulated, smaller fleets first, and the smallest that fits; None where none did."""

    load: Load
    trials: tuple[Trial, ...]
    chosen: Trial | None


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be found. workers, replicas: where they are given; None looks for the fewest.

    machine: of each replica; `workers` of its limits is the most that a replica may have.
    """

    kind: RequestKind
    costs: Costs
    machine: Machine
    load: Load
    target_p99_s: float
    balancer: Balancer
    workers: int | None = None
    replicas: int | None = None


def load_of(rate: float, seed: int, subjects: int = 1) -> Load:
    """Return a load that is long enough for its 99th percentile."""
    seconds = max(MIN_SECONDS, min(MAX_SECONDS, REQUESTS / rate))
    return Load(rate, seconds, WARM_UP * seconds, subjects=subjects, seed=seed)


# Returns where the progress of the simulation with this name is reported.
Reports = Callable[[str], Report]


def plan(question: Question, reports: Reports) -> Plan:
    """Find the smallest fleet that fits: fewer replicas first, then fewer workers."""
    trials: dict[tuple[int, int], Trial] = {}

    def fits(replicas: int, workers: int) -> bool:
        if (replicas, workers) not in trials:
            trials[replicas, workers] = _try(question, replicas, workers, reports)
        return trials[replicas, workers].fits

    most = question.workers or question.machine.limits.workers
    replicas = question.replicas or _fewest_replicas(question, most, lambda count: fits(count, most))
    for workers in _candidates(question, replicas, most):
        if fits(replicas, workers):
            break
    ordered = tuple(trials[key] for key in sorted(trials))
    return Plan(question.load, ordered, next((trial for trial in ordered if trial.fits), None))


def _fewest_replicas(question: Question, workers: int, fits: Callable[[int], bool]) -> int:
    """Return the fewest replicas that fit, by halving: more are never worse."""
    work = question.load.rate * question.costs.least_request_s()
    too_few, enough = 0, max(1, min(MAX_REPLICAS, int(work / workers)))
    while not fits(enough) and enough < MAX_REPLICAS:
        too_few, enough = enough, min(MAX_REPLICAS, max(enough + 1, enough * 5 // 4))
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if fits(middle):
            enough = middle
        else:
            too_few = middle
    return enough


def _candidates(question: Question, replicas: int, most: int) -> Iterator[int]:
    """Yield the numbers of workers to try: fewer than the most only where one replica is enough."""
    if question.workers is None and replicas == 1:
        yield from range(1, most)
    yield most


def _try(question: Question, replicas: int, workers: int, reports: Reports) -> Trial:
    limits = replace(question.machine.limits, workers=workers)
    fleet = Fleet(replicas, replace(question.machine, limits=limits), question.balancer)
    report = reports(f"simulate {replicas} × {workers} workers")
    simulated = simulate(fleet, question.load, question.kind, question.costs, report)
    result = of_simulation(simulated, question.load)
    fits = result.refused <= MAX_REFUSED and result.p99_s <= question.target_p99_s
    return Trial(replicas, workers, result, simulated.busy, fits)
