"""The health probe against a small server in the same loop."""

import asyncio
import itertools

from bench.harness.health_probe import RATE, Probe, probe

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


async def probed(answer: bytes, count: int) -> list[Probe]:
    """Probe a server that answers every connection with `answer` until it has seen `count`."""
    stopped = asyncio.Event()
    seen = 0

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        await reader.readuntil(b"\r\n\r\n")
        seen += 1
        if seen == count:
            stopped.set()
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await probe(f"http://127.0.0.1:{port}/health", stopped)


def test_every_probe_is_noted_when_it_was_due() -> None:
    """The times lie exactly one period apart, independent of when the answers came."""
    seen = asyncio.run(probed(OK, 3))

    gaps = [round(after.due - before.due, 3) for before, after in itertools.pairwise(seen)]
    assert [one.status for one in seen][:3] == [200, 200, 200]
    assert set(gaps) == {1 / RATE}


def test_a_connection_that_closes_without_a_status_is_no_answer() -> None:
    """It counts as silence."""
    seen = asyncio.run(probed(b"", 1))

    assert seen[0].status == 0


def test_a_port_on_which_nothing_listens_is_no_answer() -> None:
    """The probe goes on."""

    async def closed_port() -> list[Probe]:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        stopped = asyncio.Event()
        asyncio.get_running_loop().call_later(1.5 / RATE, stopped.set)
        return await probe(f"http://127.0.0.1:{port}/health", stopped)

    assert {one.status for one in asyncio.run(closed_port())} == {0}
