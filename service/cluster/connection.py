"""A Dask cluster that may lose workers and its scheduler and get them back: a call ends with its result or a sentence.

    call ─→ present? ─→ hold what it needs ─→ submit ─→ result
              ↑ no: wait │                       │ lost with a worker or the scheduler
              └──────────┴───────────────────────┘ again

`watch` runs beside the calls: it connects anew, and gives up when nothing is there for longer than `patience_s`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import dask
from distributed import Client, Future, KilledWorker, LocalCluster
from distributed.client import FutureCancelledError
from distributed.comm.core import CommClosedError

from service.cluster.address import ClusterAddress
from service.cluster.errors import ClusterError, ClusterLostError, VersionError, WorkerGoneError
from service.cluster.held import Held
from service.cluster.versions import difference, run_checked, versions

#: How long a scheduler may take to answer at first, and a cluster that was lost to come back.
CONNECT_S, PATIENCE_S = 10.0, 300.0
# How often the cluster is looked at; Dask's client learns the number of workers every 2 s.
_LOOK_S = 0.5
# Dask gives a task up that four workers died of; a task that killed so many in so many attempts kills others, too.
_MAX_KILLED = 5
# A call that was lost so often with workers that live: something else is wrong. 50 deaths in a run cost one call few.
_MAX_LOST = 100

# Of workers that are started here. Dask has a worker give memory back to the kernel at every turn, and samples its
# stack a hundred times a second: tiles take twice as long with both (`docs/corpora.md` has it for other clusters).
_LOCAL_SETTINGS = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 128 << 20,
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 32 << 20,
    "distributed.worker.profile.enabled": False,
}

# A task, or what it needs, is gone with a worker or the scheduler.
_LOST = (FutureCancelledError, CommClosedError, OSError)


class Cluster:
    """The client's side of one cluster. It belongs to one event loop."""

    def __init__(self, address: ClusterAddress, target: str, client: Client, patience_s: float) -> None:
        """Use `connected`. target: the scheduler's address."""
        self._address, self._target = address, target
        self._client = client
        self._patience_s = patience_s

    @property
    def threads(self) -> int:
        """How many tasks run at once, as known some seconds ago."""
        return int(self._info("total_threads"))

    @property
    def memory(self) -> int:
        """Bytes that the workers may use in all, as known some seconds ago; 1 GiB a thread where they have no limit."""
        return int(self._info("total_memory")) or self.threads << 30

    async def call(self, function: Callable[..., Any], *arguments: Any, worker: str | None = None) -> Any:
        """Return what `function` returns on some worker; arguments that are `Held` are values there.

        worker: the address of the one that it must run on. Raises: what the function raises, which must be no OSError,
        as that means here that a connection is lost; ClusterError; WorkerGoneError when that worker has died.
        """
        killed = lost = 0
        while True:
            client = await self._present()
            try:
                return await _submit(client, function, arguments, worker)
            except KilledWorker as error:
                if worker is not None:
                    raise WorkerGoneError(f"{self._address}: the worker {worker} has died") from error
                killed += 1
                if killed == _MAX_KILLED:
                    raise ClusterError(
                        f"{self._address}: {function.__name__} ended {4 * killed} workers; "
                        "they may have too little memory, see their logs"
                    ) from error
            except _LOST as error:
                lost += 1
                if worker is not None:
                    raise WorkerGoneError(f"{self._address}: the worker {worker} has died") from error
                if lost == _MAX_LOST:
                    raise ClusterError(
                        f"{self._address}: {function.__name__} was lost {lost} times: {error}"
                    ) from error
                await asyncio.sleep(min(1.0, 0.02 * lost))

    async def watch(self) -> None:
        """Run until the cluster is lost for good. Raises: ClusterLostError."""
        seen = monotonic()
        while monotonic() - seen < self._patience_s:
            if self._is_there():
                seen = monotonic()
            elif self._client.status == "closed":
                self._client = await _reconnected(self._client, self._target)
            await asyncio.sleep(_LOOK_S)
        what = "it has no workers" if self._client.status == "running" else "no scheduler answers"
        raise ClusterLostError(
            f"{self._address}: {what} since {self._patience_s:.0f} s; start again when the cluster is back"
        )

    async def close(self) -> None:
        """Leave the cluster; what it held for this client is let go."""
        await self._client.close()

    async def _present(self) -> Client:
        """Return a connected client; waits as long as `watch` lets it."""
        while not self._is_there():
            await asyncio.sleep(0.05)
        return self._client

    def _is_there(self) -> bool:
        return bool(self._client.status == "running" and self._info("n_workers"))

    def _info(self, name: str) -> Any:
        return self._client.scheduler_info().get(name, 0)


async def _submit(
    client: Client, function: Callable[..., Any], arguments: Sequence[Any], worker: str | None
) -> Any:
    values = [await each.future(client) if isinstance(each, Held) else each for each in arguments]
    place = {} if worker is None else {"workers": [worker], "allow_other_workers": False}
    future = client.submit(run_checked, versions(), function, *values, pure=False, **place)
    if worker is None:
        return await future.result()
    return await _result_of_one(client, future, worker)


async def _result_of_one(client: Client, future: Future, worker: str) -> Any:
    """Return what one worker has to give; for a dead one Dask would wait for ever. Raises: ConnectionError then."""
    result = asyncio.ensure_future(future.result())
    try:
        while not (await asyncio.wait({result}, timeout=_LOOK_S))[0]:
            known = await client.scheduler.identity(n_workers=-1)
            if worker not in known["workers"]:
                raise ConnectionError(f"{worker} has died")
        return result.result()
    finally:
        result.cancel()


async def _reconnected(client: Client, target: str) -> Client:
    """Return a new client in place of a closed one, or the closed one when no scheduler answers."""
    try:
        return await Client(target, asynchronous=True, set_as_default=False, timeout=CONNECT_S)
    except OSError:
        return client


@asynccontextmanager
async def connected(
    address: ClusterAddress, *, connect_s: float = CONNECT_S, patience_s: float = PATIENCE_S
) -> AsyncIterator[Cluster]:
    """Yield the cluster at an address; one that is started here ends with the block.

    TLS settings are those of Dask's configuration. Raises: ClusterError, in one sentence.
    """
    # Its warnings tell of every lost worker; what they mean for the work is told in one sentence, if at all.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    async with _scheduler(address) as target:
        try:
            client = await Client(target, asynchronous=True, set_as_default=False, timeout=connect_s)
        except (OSError, ValueError, TypeError) as error:
            raise ClusterError(f"{address}: no Dask scheduler answers there: {error}") from error
        cluster = Cluster(address, target, client, patience_s)
        try:
            await _require_workers(address, client, connect_s)
            yield cluster
        finally:
            await cluster.close()


@asynccontextmanager
async def _scheduler(address: ClusterAddress) -> AsyncIterator[str]:
    """Yield the address of a scheduler, started here where that is asked."""
    if address.scheduler:
        yield address.scheduler
        return
    with dask.config.set(_LOCAL_SETTINGS):
        async with LocalCluster(
            n_workers=address.processes,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            asynchronous=True,
            silence_logs=logging.CRITICAL,
        ) as local:
            yield local.scheduler_address


async def _require_workers(address: ClusterAddress, client: Client, wait_s: float) -> None:
    """Check that there are workers and that they fit. Raises: ClusterError."""
    try:
        await client.wait_for_workers(1, timeout=wait_s)
    except (TimeoutError, OSError) as error:
        raise ClusterError(f"{address}: has no workers; start some with `dask worker {address}`") from error
    try:
        found = await client.run(versions)
    except (ImportError, AttributeError) as error:
        raise ClusterError(
            f"{address}: its workers cannot import scorepool: {error}; install it there"
        ) from error
    for worker, theirs in found.items():
        if differs := difference(versions(), theirs):
            raise VersionError(
                f"{address}: the worker {worker} does not fit: {differs}; use the same versions"
            )
