"""Sends `POST /score` requests over kept connections and notes how each ended.

    closed loop    each connection sends its next request when it has its answer
    open loop      requests are due at given moments, whether or not earlier ones were answered: evenly, or at random

A latency counts from the moment at which its request was due. In the open loop that includes the time that
the request waited in the generator for a connection (no coordinated omission). The generator shares the
machine with the server, so it is written for little processor time: about 30 µs a request, with one protocol
object for each connection and no task, future or timer for a request.

`LoadProcess` runs the generator in a process of its own:

    python -m bench.harness.load_generator HOST PORT TOKEN LOAD-AS-JSON

prints each reply as a JSON array, one a line.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import cycle, takewhile
from random import Random
from typing import Any, NamedTuple

import msgspec
import uvloop

from bench.harness.documents import Payload, bodies, corpus

# How long `LoadProcess` waits for an answer. More than the service's default request timeout of 30 s.
TIMEOUT_S = 40.0

# How often requests in flight are searched for those that have waited too long.
CHECK_INTERVAL_S = 0.01

# Statuses of requests without an answer.
DROPPED = 0  # the connection ended, or could not be opened
UNRESOLVED = -1  # no answer within the timeout


class Reply(NamedTuple):
    """How one request ended. due: Unix seconds. status: of HTTP, or DROPPED or UNRESOLVED.

    served_ms: the part of the latency after the request was sent; before, it waited in the generator.
    """

    due: float
    latency_ms: float
    status: int
    served_ms: float


def score_request(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return the bytes of one `POST /score`."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"POST /score HTTP/1.1\r\nHost: bench\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body
    )


class Connection(asyncio.Protocol):
    """A kept HTTP/1.1 connection with at most one request in flight; opened when it is first needed.

    Answers must have a Content-Length. `due` is 0 while no request is in flight.
    """

    def __init__(self, generator: "LoadGenerator") -> None:
        self.due = self._sent = 0.0
        self._generator = generator
        self._transport: Any = None
        self._opening: asyncio.Task[None] | None = None
        self._received = bytearray()
        self._status_at_end = DROPPED

    async def open(self) -> None:
        """Connect. Raises: OSError."""
        await asyncio.get_running_loop().create_connection(lambda: self, *self._generator.address)

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due at `due`; connect first where the server has closed the connection."""
        self.due, self._sent = due, time.time()
        if self._transport is None:
            self._opening = asyncio.create_task(self._open_and_send(request))
        else:
            self._transport.write(request)

    async def _open_and_send(self, request: bytes) -> None:
        try:
            await self.open()
        except (OSError, asyncio.CancelledError):
            self._end()
        else:
            if self._transport is not None:  # the server may have closed the connection at once
                self._transport.write(request)

    def give_up(self) -> None:
        """Stop waiting for the answer in flight: it is unresolved."""
        self._status_at_end = UNRESOLVED
        if self._transport is not None:
            self._transport.abort()
        elif self._opening is not None:
            self._opening.cancel()

    def close(self) -> None:
        """Close the connection when no request is in flight."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where to write."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Collect the answer; an answer after which the server closes settles in `connection_lost`."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end]).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
        if len(self._received) < end + 4 + length:
            return
        self._received.clear()
        if b"connection: close" in head:
            self._status_at_end = int(head[9:12])
            self._transport.close()
        else:
            self._settle(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Settle the request in flight, if there is one: servers also close connections that are idle."""
        self._transport = None
        self._received.clear()
        self._end()

    def _end(self) -> None:
        status, self._status_at_end = self._status_at_end, DROPPED
        if self.due:
            self._settle(status)

    def _settle(self, status: int) -> None:
        due, sent, now = self.due, self._sent, time.time()
        self.due = 0.0
        self._generator.settled(self, Reply(due, (now - due) * 1e3, status, (now - sent) * 1e3))


class LoadGenerator:
    """One load in the running event loop; `record` is called with each reply as it comes.

    A request without an answer `timeout_s` after it was due is given up.
    """

    def __init__(self, address: tuple[str, int], timeout_s: float, record: Callable[[Reply], object]) -> None:
        self.address = address
        self.timeout_s = timeout_s
        self._record = record
        self._in_flight = 0
        self._requests: Iterator[bytes] = iter(())  # of the closed loop
        self._waiting: deque[tuple[float, bytes]] = deque()  # of the open loop: due, and not sent yet
        self._idle: list[Connection] = []

    async def closed_loop(self, requests: Iterator[bytes], connections: int) -> None:
        """Send until `requests` is exhausted, and return when every request has ended."""
        self._requests = requests
        opened = [Connection(self) for _ in range(connections)]
        for connection in opened:
            self._send_next(connection)
        await self._settle_all(opened)

    async def open_loop(self, requests: Iterator[bytes], connections: int, moments: Iterable[float]) -> None:
        """Let a request become due at each moment, in seconds from now on; return when every one has ended.

        A request that is due while every connection is in use waits in the generator.

        Raises: OSError when one of the connections cannot be opened at the start.
        """
        opened = [Connection(self) for _ in range(connections)]
        for connection in opened:
            await connection.open()
        self._idle = list(opened)
        began = time.time()
        for number, moment in enumerate(moments):
            due = began + moment
            if (early := due - time.time()) > 0.0005:
                await asyncio.sleep(early)
            elif number % 64 == 0:
                await asyncio.sleep(0)  # late: let answers in between
            self._waiting.append((due, next(requests)))
            if self._idle:
                self._send_next(self._idle.pop())
        await self._settle_all(opened)

    def settled(self, connection: Connection, reply: Reply) -> None:
        """Note how a request ended, and give its connection the next one."""
        self._in_flight -= 1
        self._record(reply)
        self._send_next(connection)

    def _send_next(self, connection: Connection) -> None:
        following = self._next()
        if following is None:
            self._idle.append(connection)
            return
        self._in_flight += 1
        due, request = following
        connection.send(request, due)

    def _next(self) -> tuple[float, bytes] | None:
        """Return when the next request was due, and its bytes; None while there is none."""
        now = time.time()
        while self._waiting:
            due, request = self._waiting.popleft()
            if now - due < self.timeout_s:
                return due, request
            self._record(Reply(due, (now - due) * 1e3, UNRESOLVED, 0.0))
        following = next(self._requests, None)
        return None if following is None else (now, following)

    async def _settle_all(self, connections: Sequence[Connection]) -> None:
        """Wait until no request is in flight, and give up those that are too late."""
        while self._in_flight:
            await asyncio.sleep(CHECK_INTERVAL_S)
            too_late = time.time() - self.timeout_s
            for connection in connections:
                if 0 < connection.due < too_late:
                    connection.give_up()
        for connection in connections:
            connection.close()


def even_moments(rate: float, seconds: float) -> Iterator[float]:
    """Yield the moments of `rate` requests a second, at equal distances."""
    return (number / rate for number in range(int(rate * seconds)))


def random_moments(rate: float, seconds: float, seed: int) -> Iterator[float]:
    """Yield the moments of a Poisson process: `rate` requests a second on average, each independent of the others."""
    random = Random(seed)
    moment = random.expovariate(rate)
    while moment < seconds:
        yield moment
        moment += random.expovariate(rate)


class Load(msgspec.Struct, frozen=True):
    """What `LoadProcess` sends: requests of `documents` documents over `connections` connections.

    seconds: for how long requests become due. rate: requests a second; 0 is the closed loop. niceness: as of
    `nice`. The default puts the generator behind the server and its workers, which keeps it from taking a
    core from them, as a load from another machine would not either. seed: of random moments; 0 takes even ones. cpus:
    those that the generator runs on; none given takes any.
    """

    documents: int
    connections: int
    seconds: float
    rate: float = 0.0
    niceness: int = 15
    seed: int = 0
    cpus: tuple[int, ...] = ()


class LoadProcess:
    """A load from a process of its own, which starts at once."""

    def __init__(self, address: tuple[str, int], token: str, load: Load) -> None:
        arguments = [address[0], str(address[1]), token, msgspec.json.encode(load).decode()]
        command = [sys.executable, "-m", "bench.harness.load_generator", *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def wait(self) -> list[Reply]:
        """Return all replies in the order in which their requests were due.

        Raises: RuntimeError when the process failed, with its exit status.
        """
        output, _ = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(f"the load generator ended with status {self._process.returncode}")
        return sorted(Reply(*json.loads(line)) for line in output.splitlines())


async def generate(address: tuple[str, int], token: str, load: Load) -> list[Reply]:
    """Send a load of news documents and return the replies in the order in which they came."""
    replies: list[Reply] = []
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    made = [score_request(body, headers) for body in bodies(Payload(load.documents, 16), corpus())]
    generator = LoadGenerator(address, TIMEOUT_S, replies.append)
    if load.rate:
        moments = (
            random_moments(load.rate, load.seconds, load.seed)
            if load.seed
            else even_moments(load.rate, load.seconds)
        )
        await generator.open_loop(cycle(made), load.connections, moments)
    else:
        end = time.time() + load.seconds
        await generator.closed_loop(takewhile(lambda _: time.time() < end, cycle(made)), load.connections)
    return replies


def main() -> None:
    """Send the load that the arguments describe and print the replies."""
    host, port, token, text = sys.argv[1:]
    load = msgspec.json.decode(text, type=Load)
    os.nice(load.niceness)
    if load.cpus:
        os.sched_setaffinity(0, load.cpus)
    for reply in uvloop.run(generate((host, int(port)), token, load)):
        print(json.dumps(reply))


if __name__ == "__main__":
    main()
