"""What was measured of one kind of request on one machine: frozen values that the simulation is made from."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from service.limits import RequestLimits
from service.scheduling.features import Features


@dataclass(frozen=True, slots=True)
class Requests:
    """What is measured with. bodies: of the requests. seconds: for how long each figure is measured."""

    bundle: Path
    bodies: tuple[bytes, ...]
    limits: RequestLimits
    seconds: float


@dataclass(frozen=True, slots=True)
class RequestKind:
    """The requests of a load: all of so many documents.

    body_bytes, answer_bytes: of one request, on average. features: what the server reads from real bodies, one of which
    each simulated request is given.
    """

    documents: int
    body_bytes: int
    answer_bytes: int
    features: tuple[Features, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. server: of the server process with its fork server. worker: of each worker. model: mapped by all."""

    server: int
    worker: int
    model: int

    def total(self, workers: int) -> int:
        """Return what a replica with so many workers needs."""
        return self.server + self.worker * workers + self.model


@dataclass(frozen=True, slots=True)
class Costs:
    """Times in seconds.

    calls: a worker's processor time for calls of 1, 2, 4 … requests, several timings for each number of requests.
    slowdown: how many times as long a call takes while every processor is busy with another. served_s, refused_s:
    processor time of the server process for one request that is scored, and for one that is refused. handover_s: what a
    call takes beside its worker's and the server's processor time.
    """

    calls: Mapping[int, tuple[float, ...]]
    slowdown: float
    served_s: float
    refused_s: float
    handover_s: float

    def sample_call(self, requests: int, random: Random) -> float:
        """Return the seconds of a call: one of those measured, between two sizes in proportion."""
        sizes = list(self.calls)
        at = bisect_left(sizes, requests)
        chance = random.random()
        if at < len(sizes) and sizes[at] == requests:
            return self._timing(requests, chance)
        if at == len(sizes):
            largest = sizes[-1]
            return self._timing(largest, chance) * requests / largest
        below, above = sizes[at - 1], sizes[at]
        share = (requests - below) / (above - below)
        return (1 - share) * self._timing(below, chance) + share * self._timing(above, chance)

    def _timing(self, requests: int, chance: float) -> float:
        timings = self.calls[requests]
        return timings[int(chance * len(timings))]

    def least_request_s(self) -> float:
        """Return the seconds of a worker for one request in the calls where that is least, on average."""
        return min(sum(timings) / len(timings) / requests for requests, timings in self.calls.items())
