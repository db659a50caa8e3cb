"""A fleet of replicas behind a balancer, under a load that does not wait for answers; nothing here reads a clock.

Arrivals are a Poisson process: their gaps are independent and exponential, as of many clients that know nothing of each
other. The same arguments give the same result.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from math import inf
from random import Random

from service.capacity.costs import Costs, RequestKind
from service.capacity.replica import Machine, Replica, Request

# Called with the simulated seconds that are done, and all of them.
Report = Callable[[float, float], None]

# How often progress is reported, in requests.
_REPORT_EVERY = 500


def unseen(done: float, total: float) -> None:
    """Report no progress."""


class Balancer(StrEnum):
    """How requests are given to replicas: in turn, or to one that has the fewest in hand."""

    ROUND_ROBIN = "round-robin"
    LEAST_CONNECTIONS = "least-connections"


@dataclass(frozen=True, slots=True)
class Load:
    """What arrives, in requests a second for so many simulated seconds.

    warm_up_s: before that, which is not counted: the replicas learn what requests cost. connections: of all clients
    together; a request that is due while all are in use waits for one. subjects: whose requests these are, equally
    often.
    """

    rate: float
    seconds: float
    warm_up_s: float = 0.0
    connections: float = inf
    subjects: int = 1
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many equal replicas behind a balancer."""

    replicas: int
    machine: Machine
    balancer: Balancer = Balancer.LEAST_CONNECTIONS


@dataclass(slots=True)
class Simulated:
    """What became of a load: every request in the order of its end, those of the warm-up included.

    busy: the share of the time that workers were busy.
    """

    requests: list[Request] = field(default_factory=list)
    busy: float = 0.0


def arrivals(load: Load) -> Iterator[Request]:
    """Yield the requests in the order in which they are due, warm-up included."""
    random = Random(load.seed)  # noqa: S311 - a simulation
    due = random.expovariate(load.rate)
    for number in count():
        if due >= load.warm_up_s + load.seconds:
            return
        yield Request(due, f"subject {number % load.subjects}")
        due += random.expovariate(load.rate)


class _Clients:
    """All clients: they send what is due while a connection is free, and let the rest wait."""

    def __init__(self, load: Load, send: Callable[[Request, float], None]) -> None:
        self._free = load.connections
        self._waiting: deque[Request] = deque()
        self._send = send

    def want(self, request: Request, now: float) -> None:
        self._waiting.append(request)
        self._go_on(now)

    def answered(self, now: float) -> None:
        self._free += 1
        self._go_on(now)

    def _go_on(self, now: float) -> None:
        while self._waiting and self._free >= 1:
            self._free -= 1
            request = self._waiting.popleft()
            request.sent = now
            self._send(request, now)


def simulate(
    fleet: Fleet, load: Load, kind: RequestKind, costs: Costs, progress: Report = unseen
) -> Simulated:
    """Simulate the load until every request has ended."""
    simulated = Simulated()
    answered: list[Request] = []
    random = Random(load.seed + 1)  # noqa: S311 - a simulation
    replicas = [
        Replica(fleet.machine, kind, costs, Random(random.random()), answered.append)  # noqa: S311
        for _ in range(fleet.replicas)
    ]
    choose = _chooser(fleet.balancer, replicas)
    clients = _Clients(load, lambda request, now: choose().arrive(request, now))
    end = load.warm_up_s + load.seconds
    coming = arrivals(load)
    due = next(coming, None)
    now = 0.0
    while True:
        replica = min(replicas, key=_next_at)
        if due is not None and due.due <= replica.next_at:
            now = due.due
            clients.want(due, now)
            due = next(coming, None)
        elif replica.next_at < inf:
            now = replica.next_at
            replica.fire(now)
        else:
            break
        for request in answered:
            simulated.requests.append(request)
            if len(simulated.requests) % _REPORT_EVERY == 0:
                progress(min(request.due, end), end)
            clients.answered(now)
        answered.clear()
    progress(end, end)
    workers = fleet.replicas * fleet.machine.limits.workers
    simulated.busy = sum(replica.busy_s for replica in replicas) / (workers * max(end, now))
    return simulated


def _next_at(replica: Replica) -> float:
    return replica.next_at


def _in_flight(replica: Replica) -> int:
    return replica.in_flight


def _chooser(balancer: Balancer, replicas: list[Replica]) -> Callable[[], Replica]:
    """Return a function that names the replica of the next request."""
    turns = count()

    def in_turn() -> Replica:
        return replicas[next(turns) % len(replicas)]

    def with_fewest() -> Replica:
        # Of equal ones the next in turn.
        first = next(turns) % len(replicas)
        return min(replicas[first:] + replicas[:first], key=_in_flight)

    return in_turn if balancer is Balancer.ROUND_ROBIN else with_fewest
