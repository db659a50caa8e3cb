"""The search for the smallest fleet that is enough."""

from math import ceil

import pytest

from service.capacity.result import of_simulation
from service.capacity.simulation import Balancer, Load, simulate
from service.capacity.sizing import Plan, Question, plan
from tests.support.fleets import KIND, costs, fleet


def answer(rate: float, target_p99_s: float = 0.1, *, most: int = 2, **given: int) -> Plan:
    """Return the plan for requests of 10 ms and replicas of at most so many workers."""
    load = Load(rate, 20.0, 2.0)
    machine = fleet(workers=most).machine
    question = Question(KIND, costs(), machine, load, target_p99_s, Balancer.ROUND_ROBIN, **given)
    return plan(question, lambda name: lambda done, total: None)


@pytest.mark.parametrize(("rate", "replicas", "workers"), [(20, 1, 1), (150, 1, 2), (700, 4, 2)])
def test_the_smallest_fleet_that_fits_is_chosen(rate: float, replicas: int, workers: int) -> None:
    """One worker, all workers of one replica, several replicas."""
    chosen = answer(rate).chosen

    assert chosen is not None
    assert (chosen.replicas, chosen.workers) == (replicas, workers)


def test_what_is_smaller_than_the_chosen_fleet_does_not_fit() -> None:
    """It was tried, or follows from one that was tried: one replica less is too slow or refuses."""
    chosen = answer(900).chosen
    assert chosen is not None

    load = Load(900, 20.0, 2.0)
    fewer = fleet(chosen.replicas - 1, 2, balancer=Balancer.ROUND_ROBIN)
    result = of_simulation(simulate(fewer, load, KIND, costs()), load)

    assert chosen.replicas >= ceil(900 * 0.01 / 2)
    assert result.refused > 0.001 or result.p99_s > 0.1


def test_given_sizes_are_kept() -> None:
    """Nothing else is tried, and a fleet that is too small is not chosen."""
    found = answer(500, replicas=1, workers=1)

    assert [(trial.replicas, trial.workers) for trial in found.trials] == [(1, 1)]
    assert found.chosen is None


def test_a_stricter_target_needs_more() -> None:
    """The 99th percentile decides where nothing is refused."""
    loose, strict = answer(170, 1.0), answer(170, 0.02)

    assert loose.chosen is not None
    assert strict.chosen is not None
    assert strict.chosen.replicas > loose.chosen.replicas
