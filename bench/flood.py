"""Sends `/score` requests from a process of its own, at a rate or as fast as they are answered.

    python -m bench.flood ADDRESS PORT TOKEN SETTINGS-AS-JSON

prints one JSON array a line: [Unix second it was due, milliseconds since then, status, milliseconds since it
was sent].

At a rate, a request is due whether or not earlier ones were answered, and its latency counts from the moment
at which it was due (no coordinated omission). Without a rate each connection sends when it has its answer.
Written for little processor time, because it shares the machine with the server: about 30 µs a request.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import deque
from itertools import count
from typing import Any, NamedTuple

import msgspec
import uvloop

from bench.documents import Payload, bodies, corpus

# A request that has no answer by then is lost; noted with status 0.
TIMEOUT_S = 40.0


class Reply(NamedTuple):
    """One request: when it was due (Unix seconds), how long its answer took, its status (0: none).

    served_ms: of the latency, what passed after it was sent; before, it waited in the generator.
    """

    due: float
    latency_ms: float
    status: int
    served_ms: float


class Settings(msgspec.Struct, frozen=True):
    """What to send: requests of so many documents, over so many connections, for so long.

    rate: requests a second, 0 for a closed loop. niceness: as of `nice`; a load that should take no core from
    the server and its workers, as one from elsewhere would not, runs behind them.
    """

    documents: int
    connections: int
    seconds: float
    rate: float = 0.0
    niceness: int = 15


class Line(asyncio.Protocol):
    """One kept connection with at most one request on its way."""

    def __init__(self, flood: "Flood") -> None:
        self._flood = flood
        self._transport: Any = None
        self._received = bytearray()
        self._due = self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where to write."""
        self._transport = transport

    def send(self, request: bytes, due: float) -> None:
        """Send one request that was due at `due`."""
        self._due, self._sent = due, time.time()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Collect the answer."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end]).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
        if len(self._received) >= end + 4 + length:
            self._received.clear()
            self._flood.answered(self, self._due, self._sent, int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that no answer will come; a server may close a connection that it has not heard of for long."""
        self._flood.lost(self, self._due, self._sent)


class Flood:
    """The requests and their answers."""

    def __init__(self, requests: list[bytes], settings: Settings) -> None:
        self.replies: list[Reply] = []
        self._requests = requests
        self._numbers = count()
        self._settings = settings
        self._idle: list[Line] = []
        self._waiting: deque[float] = deque()
        self._under_way = 0

    async def run(self, host: str, port: int) -> None:
        """Connect, send, and wait for the last answers."""
        loop = asyncio.get_running_loop()
        for _ in range(self._settings.connections):
            _, line = await loop.create_connection(lambda: Line(self), host, port)
            self._idle.append(line)
        self._end = time.time() + self._settings.seconds
        if self._settings.rate:
            await self._arrive()
        else:
            for line in list(self._idle):
                self._send(line, time.time())
            await asyncio.sleep(self._settings.seconds)
        give_up = time.time() + TIMEOUT_S
        while self._under_way and time.time() < give_up:
            await asyncio.sleep(0.01)

    async def _arrive(self) -> None:
        """Let requests become due, evenly."""
        began = time.time()
        for number in range(int(self._settings.rate * self._settings.seconds)):
            due = began + number / self._settings.rate
            if (early := due - time.time()) > 0.0005:
                await asyncio.sleep(early)
            elif number % 64 == 0:
                await asyncio.sleep(0)
            if self._idle:
                self._send(self._idle.pop(), due)
            else:
                self._waiting.append(due)

    def _send(self, line: Line, due: float) -> None:
        self._under_way += 1
        line.send(self._requests[next(self._numbers) % len(self._requests)], due)

    def answered(self, line: Line, due: float, sent: float, status: int) -> None:
        """Note an answer and give its connection the next request, if there is one."""
        now = time.time()
        self.replies.append(Reply(due, (now - due) * 1e3, status, (now - sent) * 1e3))
        self._under_way -= 1
        if not self._settings.rate and now < self._end:
            self._send(line, now)
        elif self._waiting:
            self._send(line, self._waiting.popleft())
        else:
            self._idle.append(line)

    def lost(self, line: Line, due: float, sent: float) -> None:
        """Note that a connection ended; its request, if it had one, has no answer."""
        if line in self._idle:
            self._idle.remove(line)
        elif self._under_way:
            self._under_way -= 1
            now = time.time()
            self.replies.append(Reply(due, (now - due) * 1e3, 0, (now - sent) * 1e3))


class Flooding:
    """A flood in the background."""

    def __init__(self, address: tuple[str, int], token: str, settings: Settings) -> None:
        arguments = [address[0], str(address[1]), token, msgspec.json.encode(settings).decode()]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.flood", *arguments], stdout=subprocess.PIPE, text=True
        )

    def wait(self) -> list[Reply]:
        """Return all replies in the order in which their requests were due."""
        output, _ = self._process.communicate()
        return sorted(Reply(*json.loads(line)) for line in output.splitlines())


def main() -> None:
    """Flood, then print."""
    host, port, token, text = sys.argv[1:]
    settings = msgspec.json.decode(text, type=Settings)
    os.nice(settings.niceness)
    head = f"POST /score HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n"
    items = bodies(Payload(settings.documents, 16), corpus())
    flood = Flood([head.format(len(body)).encode() + body for body in items], settings)
    uvloop.run(flood.run(host, int(port)))
    for reply in flood.replies:
        print(json.dumps(reply))


if __name__ == "__main__":
    main()
