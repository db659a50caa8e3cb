"""Fleets, loads and costs for simulations, with plain numbers."""

from math import inf

from service.capacity.costs import Costs, RequestKind
from service.capacity.replica import Machine
from service.capacity.simulation import Balancer, Fleet
from service.limits import PoolLimits
from service.scheduling.features import Features

# Of bodies that look like some milliseconds of work, without anything that would make predictions uncertain.
KIND = RequestKind(100, 10_000, 500, (Features(10_000, 100, "neighbours", 30_000.0),))


def costs(
    call_s: float = 0.01, *, shared: bool = False, slowdown: float = 1.0, server_s: float = 1e-6
) -> Costs:
    """Return costs of which each call takes `call_s`; `shared`: however many requests it has."""
    calls = {1: (call_s,), 32: (call_s if shared else 32 * call_s,)}
    return Costs(calls, slowdown, served_s=server_s, refused_s=server_s / 5, handover_s=0.0)


def fleet(
    replicas: int = 1,
    workers: int = 1,
    *,
    cpus: float = inf,
    queue_budget_s: float = 5.0,
    balancer: Balancer = Balancer.LEAST_CONNECTIONS,
) -> Fleet:
    """Return equal replicas, with more processors than they need unless these are given."""
    limits = PoolLimits(workers=workers, queue_budget_s=queue_budget_s)
    return Fleet(replicas, Machine(min(cpus, workers + 1.0), limits), balancer)
