"""Runs a test's coroutine on an event loop of its own."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

# Far longer than any test takes: a test that waits for something that never happens fails.
TIMEOUT_S = 60.0


def run(test: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end and return its result; raise TimeoutError after `TIMEOUT_S`."""
    return asyncio.run(asyncio.wait_for(test, TIMEOUT_S))
