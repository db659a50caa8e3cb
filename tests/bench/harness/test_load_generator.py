"""The load generator against a small server in the same loop."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import pairwise, repeat
from statistics import mean, stdev

import pytest

from bench.harness.load_generator import (
    DROPPED,
    UNRESOLVED,
    LoadGenerator,
    Reply,
    even_moments,
    random_moments,
    score_request,
)

Respond = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]

REQUEST = score_request(b"{}", {})
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
    """Answer with 200 and keep the connection."""
    writer.write(OK)


async def answer_and_close(request: bytes, writer: asyncio.StreamWriter) -> None:
    """Answer with 503 and close the connection, as a server that drains does."""
    writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    writer.close()


async def close(request: bytes, writer: asyncio.StreamWriter) -> None:
    """Close the connection without an answer."""
    writer.close()


async def stay_silent(request: bytes, writer: asyncio.StreamWriter) -> None:
    """Keep the connection without an answer."""


class Served:
    """What a load saw, and how many connections it opened."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.connections = 0

    @property
    def statuses(self) -> list[int]:
        """Return how the requests ended, in that order."""
        return [reply.status for reply in self.replies]


def load(respond: Respond, run: Callable[[LoadGenerator], Awaitable[None]], timeout_s: float = 5.0) -> Served:
    """Run a load against a server that answers each request by `respond`."""
    served = Served()
    ended: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.connections += 1
        ended.append(asyncio.Event())
        end = ended[-1]
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                await respond(await reader.readexactly(len(REQUEST)), writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        end.set()

    async def main() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            address = server.sockets[0].getsockname()
            await run(LoadGenerator(address, timeout_s, served.replies.append))
            for end in ended:
                await end.wait()

    asyncio.run(main())
    return served


def closed_loop(requests: int, connections: int) -> Callable[[LoadGenerator], Awaitable[None]]:
    """Return a closed loop of so many requests."""
    return partial(LoadGenerator.closed_loop, requests=repeat(REQUEST, requests), connections=connections)


def test_a_closed_loop_ends_when_all_requests_are_answered() -> None:
    """Each connection is kept for many requests."""
    served = load(answer, closed_loop(20, connections=3))

    assert served.statuses == [200] * 20
    assert served.connections == 3


def test_a_connection_that_the_server_closes_is_opened_again() -> None:
    """The answer before the end of the connection counts."""
    served = load(answer_and_close, closed_loop(4, connections=1))

    assert served.statuses == [503] * 4
    assert served.connections == 4


def test_a_request_whose_connection_ends_is_dropped() -> None:
    """The next one is sent on a new connection."""
    served = load(close, closed_loop(2, connections=1))

    assert served.statuses == [DROPPED] * 2


def test_a_request_without_an_answer_is_unresolved_after_the_timeout() -> None:
    """The loop ends nevertheless."""
    served = load(stay_silent, closed_loop(2, connections=2), timeout_s=0.05)

    assert served.statuses == [UNRESOLVED] * 2


def test_a_port_on_which_nothing_listens_drops_the_request() -> None:
    """The connection is refused."""
    replies: list[Reply] = []

    async def main() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        server.close()
        await server.wait_closed()
        await LoadGenerator(address, 5.0, replies.append).closed_loop(iter([REQUEST]), 1)

    asyncio.run(main())

    assert [reply.status for reply in replies] == [DROPPED]


def test_requests_of_an_open_loop_are_due_at_the_rate() -> None:
    """The times at which they were due lie one period apart, independent of the answers."""
    ten = partial(
        LoadGenerator.open_loop, requests=repeat(REQUEST), connections=2, moments=even_moments(100, 0.1)
    )
    served = load(answer, ten)

    gaps = [after.due - before.due for before, after in pairwise(sorted(served.replies))]
    assert served.statuses == [200] * 10
    assert gaps == pytest.approx([0.01] * 9, abs=1e-6)


def test_random_moments_have_the_rate_and_the_spread_of_a_poisson_process() -> None:
    """Their gaps have the mean 1 / rate and a standard deviation as large."""
    moments = list(random_moments(100, 200, seed=3))

    gaps = [after - before for before, after in pairwise(moments)]
    assert mean(gaps) == pytest.approx(0.01, rel=0.05)
    assert stdev(gaps) == pytest.approx(0.01, rel=0.05)
    assert moments[-1] < 200


def test_a_latency_includes_the_wait_for_a_connection() -> None:
    """The first request keeps the only connection until its timeout of 400 ms; the second is due after 200 ms."""
    responses: Iterator[Respond] = iter([stay_silent, answer])

    async def respond(request: bytes, writer: asyncio.StreamWriter) -> None:
        await next(responses)(request, writer)

    two = partial(
        LoadGenerator.open_loop, requests=repeat(REQUEST), connections=1, moments=even_moments(5, 0.4)
    )
    served = load(respond, two, timeout_s=0.4)

    first, second = served.replies
    assert (first.status, second.status) == (UNRESOLVED, 200)
    assert second.latency_ms - second.served_ms >= 199
