"""A steady load over HTTP from a thread of its own, and what became of every request of it."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType

from tests.support.server import Server

# An answer may come so much after its deadline; later it counts as none.
GRACE_S = 1.0

TIMEOUT_S = 10.0

# Replaced in a body by a number of its own.
MARK = b"NUMBER"

SEED = 4


@dataclass
class Tally:
    """What became of requests: answers by status, those without one, and by how much deadlines were missed.

    unresolved: no answer until the deadline and `GRACE_S`. dropped: the connection ended instead.
    """

    answers: Counter[int] = field(default_factory=Counter)
    unresolved: int = 0
    dropped: int = 0
    worst_overrun_s: float = 0.0

    @property
    def sent(self) -> int:
        """Return how many requests were sent."""
        return sum(self.answers.values()) + self.unresolved + self.dropped

    def failed(self, *allowed: int) -> int:
        """Return how many answers were neither 200 nor `allowed`, with those that were dropped."""
        return (
            sum(self.answers.values())
            - sum(self.answers[status] for status in (200, *allowed))
            + self.dropped
        )


class Connection:
    """A kept HTTP connection that sends one request after the other; opened when it is needed."""

    def __init__(self, server: Server) -> None:
        self._address = server.address
        fields = "".join(f"{name}: {value}\r\n" for name, value in server.headers.items())
        self._head = f"POST /score HTTP/1.1\r\nHost: torture\r\n{fields}".encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, body: bytes, timeout_s: float) -> int:
        """Send one request and return the status of its answer.

        Raises: TimeoutError, OSError, asyncio.IncompleteReadError when there is no answer.
        """
        deadline = b"X-Request-Timeout-Ms: %d\r\n" % (timeout_s * 1000)
        length = b"Content-Length: %d\r\n\r\n" % len(body)
        try:
            async with asyncio.timeout(timeout_s + GRACE_S):
                if self._streams is None:
                    self._streams = await asyncio.open_connection(*self._address)
                reader, writer = self._streams
                writer.write(self._head + deadline + length + body)
                return await self._receive(reader)
        except BaseException:
            self.close()
            raise

    async def _receive(self, reader: asyncio.StreamReader) -> int:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r")[0]))
        if b"connection: close" in head:
            self.close()
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        """End the connection; the next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def ask(connection: Connection, body: bytes, timeout_s: float, tally: Tally) -> None:
    """Send one request and note what became of it."""
    begin = time.monotonic()
    try:
        tally.answers[await connection.ask(body, timeout_s)] += 1
    except TimeoutError:
        tally.unresolved += 1
    except (OSError, asyncio.IncompleteReadError):
        tally.dropped += 1
    tally.worst_overrun_s = max(tally.worst_overrun_s, time.monotonic() - begin - timeout_s)


class SteadyLoad:
    """So many clients that send one request after the other; `tally` is complete when it is left."""

    def __init__(self, server: Server, bodies: Sequence[bytes], clients: int = 6) -> None:
        self.tally = Tally()
        self._server = server
        self._bodies = bodies
        self._clients = clients
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> "SteadyLoad":
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the answers to the last requests."""
        self._stopping.set()
        self._thread.join()

    async def _run(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(self._clients)))

    async def _client(self, number: int) -> None:
        choose = random.Random(SEED + number)
        connection = Connection(self._server)
        # No two bodies are the same, as with real clients.
        while not self._stopping.is_set():
            dropped = self.tally.dropped
            body = choose.choice(self._bodies).replace(MARK, b"%d" % time.monotonic_ns(), 1)
            await ask(connection, body, TIMEOUT_S, self.tally)
            if self.tally.dropped > dropped and self._server.process.poll() is not None:
                break
        connection.close()


def ask_once(server: Server, body: bytes, timeout_s: float, tally: Tally) -> None:
    """Send one request on a connection of its own and note what became of it."""

    async def send() -> None:
        connection = Connection(server)
        await ask(connection, body, timeout_s, tally)
        connection.close()

    asyncio.run(send())
