"""Time, as a client sees it; `scorepool_client.testing` has another one, in which no wait takes long."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What a client asks of time."""

    def monotonic(self) -> float:
        """Return seconds that never go back, for deadlines."""

    def unix(self) -> float:
        """Return seconds since 1970, for tokens."""

    def sleep(self, seconds: float) -> None:
        """Wait in this thread."""

    async def sleep_async(self, seconds: float) -> None:
        """Wait in this task."""


class SystemClock:
    """The clock of this machine."""

    monotonic = staticmethod(time.monotonic)
    unix = staticmethod(time.time)
    sleep = staticmethod(time.sleep)
    sleep_async = staticmethod(asyncio.sleep)
