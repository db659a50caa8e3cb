"""What a request costs the server process: a real server with one worker, on the loopback interface.

Its processor time is the kernel's count for the whole process, so that other work on the machine and the clients beside
it do not matter. Two loads are compared: one that is scored, and one of which most is refused.
"""

import math
import multiprocessing
import os
import secrets
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import NamedTuple

import jwt

from scoring.progress import Progress
from service.capacity.client import closed_loop, score_request
from service.capacity.costs import Requests
from service.capacity.process_tree import ServerProcesses, processor_s, server_processes, used_memory
from service.configuration import load
from service.errors import StartError
from service.server import run
from service.settings import Settings
from service.worker import process_limits

# The first start of a fork server takes some seconds, on a busy machine many.
START_LIMIT_S = 60.0
STOP_LIMIT_S = 10.0
POLL_S = 0.05

# Of a scored request's processor time, where no more is known (see `service.connections.load_shedding`).
REFUSED_SHARE = 0.2

# Clients of the load that is scored, and of the one that is refused, which come again at once. A server that has more
# in hand needs less for each request; sizing is about one that has.
SCORED_CLIENTS = 8
REFUSED_CLIENTS = 256

# Calls of one request that fit into the queue: all of the first load, also where the server predicts five times what
# they take, and not all of the second, also where many share a call. And the shortest queue that a server may have.
QUEUED_CALLS = 40
LEAST_QUEUE_S = 0.001


@dataclass(frozen=True, slots=True)
class ServerCosts:
    """As in `Costs`, and the bytes of the server with its fork server, and of a worker."""

    served_s: float
    refused_s: float
    handover_s: float
    server_bytes: int
    worker_bytes: int


class _Spent(NamedTuple):
    """Seconds of processor time, of the server process and its workers, and the requests scored and refused in it."""

    seconds: float
    workers_s: float
    scored: float
    refused: float


class _Server:
    """A server that is ready, and how much it has done."""

    def __init__(self, pid: int, url: str, token: str) -> None:
        self.pid = pid
        host, _, port = url.removeprefix("http://").partition(":")
        self.address = (host, int(port))
        self.token = token
        self._url = url

    def counts(self) -> tuple[float, float]:
        """Return how many requests were scored, and how many refused."""
        with urllib.request.urlopen(f"{self._url}/metrics") as answer:  # noqa: S310 - our own server
            lines = answer.read().decode().splitlines()
        samples = dict(line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        prefix = "http_server_request_duration_seconds_count{"
        scored = sum(
            float(value)
            for name, value in samples.items()
            if name.startswith(prefix) and '"/score"' in name and '"200"' in name
        )
        refused = [value for name, value in samples.items() if name.startswith("scorepool_rejected_total")]
        return scored, sum(map(float, refused))

    def ready(self) -> bool:
        """Return whether `/readyz` answers with 200."""
        address = f"{self._url}/readyz"
        try:
            with urllib.request.urlopen(address, timeout=1) as answer:  # noqa: S310 - our own server
                return bool(answer.status == 200)
        except urllib.error.HTTPError as refused:
            refused.close()
            return False
        except OSError:
            return False


def _serve(settings: Settings, parent: int, announced: Connection) -> None:
    """Run the server in this process; what it logs is written, as in operation, but nowhere."""
    process_limits.die_with(parent)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    raise SystemExit(run(settings, announce=announced.send))


@contextmanager
def _serving(sample: Requests, queue_budget_s: float) -> Iterator[_Server]:
    secret = secrets.token_hex(32)
    claims = {"sub": "capacity", "aud": "scorepool", "exp": int(time.time()) + 3600}
    options = {
        "bundle": sample.bundle,
        "port": 0,
        "workers": 1,
        "jwt_secret": secret,
        "log_format": "json",
        "max_documents": sample.limits.max_documents,
        "queue_budget_s": queue_budget_s,
    }
    settings = load(options, {})
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(settings, os.getpid(), sending))
    process.start()
    sending.close()
    try:
        yield _await_ready(process.pid or 0, receiving, jwt.encode(claims, secret))
    finally:
        with suppress(ProcessLookupError):
            os.kill(process.pid or 0, signal.SIGTERM)
        process.join(STOP_LIMIT_S)
        process.kill()


def _await_ready(pid: int, receiving: Connection, token: str) -> _Server:
    """Wait until the server answers that it is ready. Raises: StartError."""
    end = time.monotonic() + START_LIMIT_S
    try:
        server = _Server(pid, receiving.recv(), token) if receiving.poll(START_LIMIT_S) else None
    except EOFError:
        server = None
    while server is not None and time.monotonic() < end:
        if server.ready():
            return server
        time.sleep(POLL_S)
    raise StartError("the server that was to be measured did not start; try `scorepool serve` to see why")


def measure_server(sample: Requests, call_s: float, report: Progress) -> ServerCosts:
    """Measure a real server. call_s: what a worker takes for a call of one request.

    Raises: StartError when it does not start, ValueError when it answers none of the requests with scores.
    """
    if call_s >= sample.seconds:
        enough = math.ceil(2 * call_s)
        raise ValueError(
            f"a request takes a worker {call_s:.1f} s; give --seconds {enough} to have some measured"
        )
    with _serving(sample, max(LEAST_QUEUE_S, QUEUED_CALLS * call_s)) as server:
        processes = server_processes(server.pid)
        spent_by = partial(_spent_by, server, processes, sample)
        spent_by(1)  # warms up, and the server learns what a request costs
        report("time the server", 1, 4)
        alone = spent_by(1)
        report("time the server", 2, 4)
        scored = spent_by(SCORED_CLIENTS)
        report("time the server", 3, 4)
        refused = spent_by(REFUSED_CLIENTS)
        report("time the server", 4, 4)
        server_bytes = sum(map(used_memory, processes.server))
        worker_bytes = max(map(used_memory, processes.workers), default=0)
    if not alone.scored or not scored.scored:
        raise ValueError(
            "the server has scored none of the requests; their bodies may be larger than it takes"
        )
    served_s, refused_s = _solve(scored, refused)
    handover_s = max(0.0, alone.workers_s / alone.scored - call_s)
    return ServerCosts(served_s, refused_s, handover_s, server_bytes, worker_bytes)


def _spent_by(server: _Server, processes: ServerProcesses, sample: Requests, connections: int) -> _Spent:
    requests = [score_request(body, server.token) for body in sample.bodies]

    def counts() -> _Spent:
        workers_s = sum(map(processor_s, processes.workers))
        return _Spent(processor_s(server.pid), workers_s, *server.counts())

    before = counts()
    closed_loop(server.address, requests, connections, sample.seconds)
    return _Spent(*(late - early for late, early in zip(counts(), before, strict=True)))


def _solve(first: _Spent, second: _Spent) -> tuple[float, float]:
    """Return the processor time of a scored and of a refused request, from two loads with different shares of each."""
    determinant = first.scored * second.refused - second.scored * first.refused
    if determinant > 0:
        served = (first.seconds * second.refused - second.seconds * first.refused) / determinant
        refused = (first.scored * second.seconds - second.scored * first.seconds) / determinant
        if 0 < refused < served:
            return served, refused
    served = (first.seconds + second.seconds) / max(1.0, first.scored + second.scored)
    return served, served * REFUSED_SHARE
