"""The simulated fleet: what must hold for every load, and a formula that it must agree with."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.capacity.costs import Costs
from service.capacity.result import of_simulation
from service.capacity.simulation import Balancer, Fleet, Load, Simulated, arrivals, simulate
from tests.support.fleets import KIND, costs, fleet

FLEETS = st.builds(
    fleet,
    st.integers(1, 3),
    st.integers(1, 3),
    cpus=st.floats(0.5, 4),
    queue_budget_s=st.sampled_from((0.02, 0.5)),
    balancer=st.sampled_from(Balancer),
)
LOADS = st.builds(
    Load,
    rate=st.floats(5, 400),
    seconds=st.just(2.0),
    connections=st.sampled_from((3, 50, inf)),
    subjects=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
COSTS = st.builds(
    costs,
    st.floats(0.001, 0.3),
    shared=st.booleans(),
    slowdown=st.floats(1, 2),
    server_s=st.floats(1e-5, 0.02),
)


def ends(simulated: Simulated) -> list[tuple[float, float, str, int]]:
    """Return what became of each request."""
    return [(request.due, request.ended, request.code, request.retry_after) for request in simulated.requests]


@given(FLEETS, LOADS, COSTS, st.sampled_from((0.05, 30.0)))
@settings(max_examples=60)
def test_every_request_that_arrives_ends_once(
    many: Fleet, load: Load, prices: Costs, timeout_s: float
) -> None:
    """It has one end, behind its beginning, and those that are refused are told when to come again."""
    hurried = replace(many, machine=replace(many.machine, request_timeout_s=timeout_s))

    simulated = simulate(hurried, load, KIND, prices)

    due = [request.due for request in arrivals(load)]
    assert sorted(request.due for request in simulated.requests) == due
    for request in simulated.requests:
        assert request.due <= request.sent <= request.ended < inf
        assert request.code in {"ok", "overloaded", "quota_exceeded", "expired"}
        assert (request.retry_after >= 1) == (request.code in {"overloaded", "quota_exceeded"})


@given(FLEETS, LOADS, COSTS)
@settings(max_examples=20)
def test_the_same_seed_gives_the_same_result(many: Fleet, load: Load, prices: Costs) -> None:
    """Nothing depends on a clock or on another source of chance."""
    assert ends(simulate(many, load, KIND, prices)) == ends(simulate(many, load, KIND, prices))


def test_another_seed_gives_other_arrivals() -> None:
    """The same number a second on average."""
    first, second = (list(arrivals(Load(100, 50, seed=seed))) for seed in (1, 2))

    assert [request.due for request in first] != [request.due for request in second]
    assert len(first) == pytest.approx(5_000, rel=0.05)
    assert len(second) == pytest.approx(5_000, rel=0.05)


@given(st.integers(1, 4), st.floats(20, 500), st.integers(0, 1000))
@settings(max_examples=20)
def test_more_workers_are_never_worse(workers: int, rate: float, seed: int) -> None:
    """With a processor for each, one more worker refuses no more, and no request waits longer on average."""
    load = Load(rate, 5.0, seed=seed)

    fewer, more = (
        of_simulation(simulate(fleet(1, count, queue_budget_s=0.3), load, KIND, costs()), load)
        for count in (workers, workers + 1)
    )

    assert more.refused <= fewer.refused
    assert more.goodput >= fewer.goodput - 1 / load.seconds
    assert more.p50_s <= fewer.p50_s + 1e-6


def test_waits_are_those_of_the_queue_with_constant_service_times() -> None:
    """The mean wait of M/D/1 is rho / (2 · (1 − rho)) service times (Pollaczek 1930, Khinchine 1932)."""
    rho, call_s = 0.7, 0.01
    load = Load(rho / call_s, 500.0)

    simulated = simulate(fleet(), load, KIND, costs(call_s, server_s=1e-9))

    waits = [request.ended - request.due - call_s for request in simulated.requests]
    assert sum(waits) / len(waits) == pytest.approx(call_s * rho / (2 * (1 - rho)), rel=0.05)
    assert simulated.busy == pytest.approx(rho, rel=0.02)


def test_beyond_the_capacity_the_rest_is_refused() -> None:
    """The workers stay busy, and the queue stays within its budget."""
    load = Load(400.0, 20.0, 5.0)

    simulated = simulate(fleet(1, 2, queue_budget_s=0.5), load, KIND, costs())
    result = of_simulation(simulated, load)

    assert result.goodput == pytest.approx(200, rel=0.02)
    assert result.refused == pytest.approx(0.5, abs=0.03)
    assert result.p99_s < 0.6
    assert Counter(request.code for request in simulated.requests).keys() == {"ok", "overloaded"}


def test_a_server_that_can_only_just_refuse_scores_less() -> None:
    """On one processor refusals take the time of the worker: that is what the simulation is for."""
    load = Load(2_000.0, 5.0, 1.0, connections=500)

    result = of_simulation(
        simulate(fleet(cpus=1, queue_budget_s=0.1), load, KIND, costs(server_s=0.002)), load
    )

    assert result.goodput < 60


def test_requests_that_share_calls_are_scored_beyond_the_rate_of_single_ones() -> None:
    """The scheduler's batches are in the simulation: five of 3 ms would be 15 ms, and a call of them takes 3."""
    load = Load(500.0, 10.0, 2.0)

    result = of_simulation(simulate(fleet(), load, KIND, costs(0.003, shared=True)), load)

    assert result.refused == 0
    assert result.goodput == pytest.approx(500, rel=0.05)


def test_a_worker_that_is_killed_at_a_deadline_serves_again() -> None:
    """One call of ten never ends in time; the requests behind it are scored by the worker's replacement."""
    prices = Costs({1: (0.002,) * 9 + (100.0,)}, 1.0, 1e-6, 1e-6, 0.0)
    only = fleet()
    hurried = replace(only, machine=replace(only.machine, request_timeout_s=0.5))

    simulated = simulate(hurried, Load(10.0, 60.0), KIND, prices)

    first = min(request.ended for request in simulated.requests if request.code == "expired")
    assert sum(request.code == "ok" and request.due > first for request in simulated.requests) > 100


def test_fewest_connections_beats_turns() -> None:
    """With calls of very different lengths a request should not wait behind a long one while another replica idles."""
    load = Load(120.0, 60.0)
    prices = Costs({1: (0.002,) * 9 + (0.1,)}, 1.0, 1e-6, 1e-6, 0.0)

    fewest, in_turn = (
        of_simulation(simulate(fleet(3, balancer=balancer), load, KIND, prices), load).p99_s
        for balancer in (Balancer.LEAST_CONNECTIONS, Balancer.ROUND_ROBIN)
    )

    assert fewest < in_turn


def test_requests_wait_for_a_free_connection() -> None:
    """With one connection for all clients no two are in the server at once."""
    simulated = simulate(fleet(1, 3), Load(300.0, 5.0, connections=1), KIND, costs())

    spans = sorted((request.sent, request.ended) for request in simulated.requests)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))
