"""Values that the cluster's workers hold in memory, so that many tasks use them and each is sent once.

A worker that dies takes along what it alone held: the value is read from the disk and sent again when it is next used.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from distributed import Client, Future

# Of a key: what it is called in Dask's dashboard.
_PREFIX = "scorepool-held"


class Held:
    """One value. `load` reads it, in a thread, each time it has to be sent."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = load
        self._future: Future | None = None
        self._sending = asyncio.Lock()

    async def future(self, client: Client) -> Future:
        """Return where it is on the cluster, sent now unless it is there. Raises: OSError when it cannot be sent."""
        async with self._sending:
            if self._future is None or self._future.client is not client or self._future.status != "finished":
                value = await asyncio.to_thread(self._load)
                (self._future,) = await client.scatter([value], hash=False)
            return self._future


class HeldBlocks:
    """Blocks by number, at most `capacity` of them; the one that was not used for the longest time is let go.

    Tasks that still use it keep it alive: Dask counts its users.
    """

    def __init__(self, load: Callable[[int], Any], capacity: int) -> None:
        self._load, self._capacity = load, capacity
        self._blocks: OrderedDict[int, Held] = OrderedDict()

    def block(self, number: int) -> Held:
        """Return a block, which is sent when it is first used."""
        held = self._blocks.pop(number, None) or Held(lambda: self._load(number))
        self._blocks[number] = held
        while len(self._blocks) > self._capacity:
            self._blocks.popitem(last=False)
        return held
