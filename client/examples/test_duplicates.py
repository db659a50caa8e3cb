"""The tests of that service: against the fake, so without a network, a model or waiting."""

import asyncio

import httpx
from duplicates import create_app

from scorepool_client.testing import FakeScorepool

HEADLINES = ["Storms close the harbour", "The harbour: storms close", "Rates rise again"]


def ask(fake: FakeScorepool, **headers: str) -> httpx.Response:
    """Send the headlines to the service."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(fake.async_client()))
        async with httpx.AsyncClient(transport=transport, base_url="http://duplicates") as client:
            return await client.post("/duplicates", json=HEADLINES, headers=headers)

    return asyncio.run(send())


def test_duplicates_are_found() -> None:
    """Headlines of the same words are."""
    fake = FakeScorepool()

    assert ask(fake, **{"X-Request-ID": "ours-1"}).json() == [[0, 1]]
    assert fake.requests[0].headers["x-request-id"] == "ours-1"


def test_a_busy_scorepool_is_said_to_the_caller() -> None:
    """After the client has tried as long as it may."""
    fake = FakeScorepool()
    fake.fail("overloaded", times=None, retry_after_s=7)

    answer = ask(fake)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert answer.json()["error"] == "overloaded"


def test_a_restart_of_scorepool_is_not_noticed() -> None:
    """The client waits and tries again."""
    fake = FakeScorepool()
    fake.refuse_connections()
    fake.fail("starting")

    assert ask(fake).status_code == 200
