"""A Dask scheduler or worker: `python -m tests.support.dask_process scheduler PORT | worker ADDRESS FOLDER`.

Both listen on 127.0.0.1 only. A worker has one thread and ends when its scheduler does, as Dask's own command has it.
"""

import asyncio
import sys

import dask
from distributed import Scheduler, Worker


async def run_scheduler(port: str) -> None:
    """Run a scheduler until the process ends."""
    async with Scheduler(
        host="127.0.0.1", port=int(port), dashboard=False, dashboard_address="127.0.0.1:0"
    ) as scheduler:
        await scheduler.finished()


async def run_worker(address: str, folder: str) -> None:
    """Run a worker until it has lost its scheduler."""
    with dask.config.set({"distributed.worker.memory.terminate": False}):
        async with Worker(
            address,
            nthreads=1,
            host="127.0.0.1",
            local_directory=folder,
            dashboard=False,
            dashboard_address="127.0.0.1:0",
            death_timeout=30,
        ) as worker:
            await worker.finished()


def main() -> None:
    """Run what the command line says."""
    kind, *arguments = sys.argv[1:]
    asyncio.run(run_scheduler(*arguments) if kind == "scheduler" else run_worker(*arguments))


if __name__ == "__main__":
    main()
