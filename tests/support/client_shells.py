"""Both shells of the client behind one set of methods, so that one test holds for both."""

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable
from typing import Any

from scorepool_client import AsyncClient, Client
from scorepool_client.async_jobs import AsyncJobs
from scorepool_client.testing import FakeScorepool

# Makes a client of a fake; its methods return results, also those of the asynchronous client.
MakeClient = Callable[..., Any]


class Awaited:
    """An `AsyncClient`, or its jobs, whose methods run to their end in an event loop of their own."""

    def __init__(self, client: AsyncClient | AsyncJobs) -> None:
        self._client = client

    @property
    def jobs(self) -> "Awaited":
        """Return the client's jobs in the same way."""
        assert isinstance(self._client, AsyncClient)
        return Awaited(self._client.jobs)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            found = getattr(self._client, name)(*args, **options)
            return asyncio.run(_listed(found) if isinstance(found, AsyncIterable) else found)

        return call


def each(items: Iterable[Any]) -> list[Any]:
    """Return all that a client yields."""
    return list(items)


async def _listed(items: AsyncIterable[Any]) -> list[Any]:
    return [item async for item in items]


def threads(fake: FakeScorepool, *args: Any, **options: Any) -> Client:
    """Make the client for threads."""
    return fake.client(*args, **options)


def tasks(fake: FakeScorepool, *args: Any, **options: Any) -> Awaited:
    """Make the client for tasks."""
    return Awaited(fake.async_client(*args, **options))


SHELLS: tuple[MakeClient, ...] = (threads, tasks)
