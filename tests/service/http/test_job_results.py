"""The bytes of results, and clients that do not take them."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from service.http.jobs import JobResultEndpoint

PIECES = 1_000


class Result:
    """Bytes that are asked for and not read."""

    digest = "d"
    size = PIECES


class ScriptedJobs:
    """Has one result. read_pieces: how many pieces of it were read."""

    def __init__(self) -> None:
        self.read_pieces = 0

    async def result(self, *_: object) -> Result:
        """Return it."""
        return Result()

    async def read(self, *asked: object) -> AsyncGenerator[bytes]:
        """Yield it, a byte a piece."""
        for _ in range(PIECES):
            self.read_pieces += 1
            await asyncio.sleep(0)
            yield b"x"


class OpenGuard:
    """Admits everyone."""

    async def admit(self, _: object) -> tuple[None, None]:
        """Return nobody."""
        return None, None


class Record:
    """A request without fields."""

    def __init__(self) -> None:
        self.fields: dict[bytes, bytes] = {}


def test_a_result_is_not_read_for_a_client_that_is_gone() -> None:
    """It may be gigabytes."""
    jobs = ScriptedJobs()
    sent: list[dict[str, Any]] = []

    async def work() -> None:
        gone = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)
            if len(sent) == 10:
                gone.set()

        scope = {
            "method": "GET",
            "path_params": {"id": "a"},
            "query_string": b"",
            "state": {"record": Record()},
        }
        await JobResultEndpoint(jobs, OpenGuard())(scope, receive, send)  # type: ignore[arg-type]

    asyncio.run(work())

    assert sent[0]["status"] == 200
    assert 9 <= jobs.read_pieces < 20
