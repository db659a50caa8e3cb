"""Runs a test's coroutine on an event loop of its own."""

import asyncio
from collections.abc import Coroutine
from typing import Any

# Far longer than any test takes: a test that waits for something that never happens fails.
TIMEOUT_S = 60.0


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end; raise TimeoutError after `TIMEOUT_S`."""
    asyncio.run(asyncio.wait_for(test, TIMEOUT_S))
