"""Attacks on a server that need nothing but sockets; `python -m tests.programs.attack` makes them at full scale.

Each attack returns its result in words.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType

GET = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"POST /score HTTP/1.1\r\nHost: a\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Target:
    """A server: its port, the header lines of a valid request, and the seconds within which it must close."""

    port: int
    header_lines: bytes
    close_s: float

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Open a connection; abort it at the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


async def end_of(reader: asyncio.StreamReader, limit_s: float) -> str:
    """Return the status that was answered, or `closed` or `reset`; `still open` after `limit_s`."""
    try:
        async with asyncio.timeout(limit_s):
            return status_of(await reader.read())
    except TimeoutError:
        return "still open"
    except ConnectionError:
        return "reset"


def status_of(answer: bytes) -> str:
    """Return the status of the first answer, `closed` where there is none."""
    return answer[9:12].decode("latin-1") if answer.startswith(b"HTTP/1.1 ") else "closed"


def summary(ends: Counter[str]) -> str:
    """Return each end with how often it happened."""
    return ", ".join(f"{number:,} × {end}" for end, number in ends.most_common())


async def flood(target: Target, pieces: AsyncIterator[bytes]) -> tuple[str, int]:
    """Send pieces until the server answers; return its status and the bytes sent by then."""
    async with target.connection() as (reader, writer):
        answer = asyncio.create_task(reader.read(1 << 16))
        sent = 0
        with suppress(ConnectionError):
            async for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)  # drain returns at once while there is room
                sent += len(piece)
                if answer.done():
                    break
            return status_of(await asyncio.wait_for(answer, target.close_s)), sent
    return "reset", sent


async def repeated(first: bytes, piece: bytes, count: int) -> AsyncIterator[bytes]:
    """Yield the first bytes, then a piece `count` times."""
    yield first
    for _ in range(count):
        yield piece


async def header_bomb(target: Target, count: int) -> str:
    """Send a head of `count` MiB: one field, and as many small ones."""
    piece = 64 << 10
    one, took = await flood(target, repeated(GET[:-2] + b"X: ", b"x" * piece, count * 16))
    many, took_too = await flood(target, repeated(GET[:-2], b"X: y\r\n" * (piece // 6), count * 16))
    return f"{one} after {took >> 10:,} KiB of one field, {many} after {took_too >> 10:,} KiB of many"


async def tiny_chunks(target: Target, count: int) -> str:
    """Send a body in `count` chunks of one byte, with a valid token."""
    head = HEAD + target.header_lines + b"Transfer-Encoding: chunked\r\n\r\n"
    end, took = await flood(target, repeated(head, b"1\r\nx\r\n" * 1_000, count // 1_000))
    return f"{end} after {took // 6:,} chunks"


async def trickle(target: Target, first: bytes, count: int) -> str:
    """Open `count` connections; each sends the first bytes and then one byte every 0.2 s."""

    async def one() -> str:
        async with target.connection() as (reader, writer):
            writer.write(first)
            ending = asyncio.create_task(end_of(reader, target.close_s))
            while not ending.done():
                writer.write(b"x")
                await asyncio.wait({ending}, timeout=0.2)
            return ending.result()

    begin = time.monotonic()
    ends = Counter(await asyncio.gather(*[one() for _ in range(count)]))
    return f"{summary(ends)} within {time.monotonic() - begin:.1f} s"


async def slow_heads(target: Target, count: int) -> str:
    """Send heads that never end (Slowloris)."""
    return await trickle(target, GET[:-2] + b"X: ", count)


async def slow_bodies(target: Target, count: int) -> str:
    """Send bodies that never end, with a valid token."""
    head = HEAD + target.header_lines + b"Content-Length: 10000\r\n\r\n"
    return await trickle(target, head, count)


async def pipelined(target: Target, count: int) -> str:
    """Send `count` requests at once and read the answers as they come."""
    async with target.connection() as (reader, writer):
        writer.write(GET * count)
        answers = 0
        with suppress(asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            async with asyncio.timeout(60):
                while answers < count:
                    await reader.readuntil(b'{"status":"alive"}')
                    answers += 1
    return f"{answers:,} of {count:,} answered"


async def unread(target: Target, count: int) -> str:
    """Send requests for 16 MiB of answers on each of `count` connections, and read none of it."""
    asked = GET.replace(b"/livez", b"/static/swagger-ui/swagger-ui-bundle.js") * 10

    async def one() -> str:
        async with target.connection() as (reader, writer):
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # the stream's own would be resumed
            writer.write(asked)
            await asyncio.sleep(target.close_s)
            writer.transport.resume_reading()  # type: ignore[attr-defined]
            return await end_of(reader, target.close_s)

    return summary(Counter(await asyncio.gather(*[one() for _ in range(count)])))


async def idle(target: Target, count: int) -> str:
    """Open `count` connections that send nothing, and request /livez on one more."""
    async with asyncio.TaskGroup() as group:
        opened = [group.create_task(asyncio.open_connection("127.0.0.1", target.port)) for _ in range(count)]
    async with target.connection() as (reader, writer):
        begin = time.monotonic()
        writer.write(GET)
        await reader.readuntil(b"alive")
        waited = time.monotonic() - begin
    connections = [task.result() for task in opened]
    ends = Counter(await asyncio.gather(*[end_of(reader, target.close_s) for reader, _ in connections]))
    for _, writer in connections:
        writer.transport.abort()
    return f"one more was answered in {waited * 1e3:.0f} ms; {summary(ends)}"


async def abandoned(target: Target, count: int) -> str:
    """Send half a request on each of `count` connections and close it."""
    halves = (
        GET[:10],
        HEAD,
        CHUNKED + b"5\r\nab",
        HEAD + target.header_lines + b"Content-Length: 9\r\n\r\n{",
    )
    for at in range(count):
        async with target.connection() as (_, writer):
            writer.write(halves[at % len(halves)])
            await writer.drain()
    return f"{count:,} opened and closed"


Attack = Callable[[Target, int], Awaitable[str]]

# Each attack with its full scale.
ATTACKS: Mapping[str, tuple[Attack, int]] = MappingProxyType(
    {
        "heads of 32 MiB": (header_bomb, 32),
        "1,000,000 chunks of a byte": (tiny_chunks, 1_000_000),
        "1,000 heads that never end": (slow_heads, 1_000),
        "200 bodies that never end": (slow_bodies, 200),
        "20,000 pipelined requests": (pipelined, 20_000),
        "5,000 idle connections": (idle, 5_000),
        "50 × 17 MB of answers unread": (unread, 50),
        "5,000 half requests": (abandoned, 5_000),
    }
)
