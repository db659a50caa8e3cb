"""A closed loop of clients on this machine: each sends its next request when it has the answer to its last."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from itertools import cycle


def closed_loop(
    address: tuple[str, int], requests: Sequence[bytes], connections: int, seconds: float
) -> None:
    """Send for so many seconds, and wait for the last answers; who is refused goes on at once."""
    asyncio.run(_run(address, requests, connections, seconds))


async def _run(address: tuple[str, int], requests: Sequence[bytes], connections: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    supply = cycle(requests)
    await asyncio.gather(*(_client(address, supply, end) for _ in range(connections)))


async def _client(address: tuple[str, int], supply: Iterator[bytes], end: float) -> None:
    """Send one request after the other; a server that refuses a large body closes the connection."""
    while time.monotonic() < end:
        writer: asyncio.StreamWriter | None = None
        try:
            reader, writer = await asyncio.open_connection(*address)
            while time.monotonic() < end:
                writer.write(next(supply))
                if await _read_answer(reader):
                    break
        except (OSError, asyncio.IncompleteReadError):
            continue
        finally:
            if writer is not None:
                writer.close()


async def _read_answer(reader: asyncio.StreamReader) -> bool:
    """Read one answer, and return whether the connection ends behind it."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
    await reader.readexactly(length)
    return b"connection: close" in head


def score_request(body: bytes, token: str) -> bytes:
    """Return the bytes of one `POST /score`."""
    head = (
        "POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
