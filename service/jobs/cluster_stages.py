"""The stages of a job that a Dask cluster does, where the setting `cluster` names one: each by a process of its own.

Dask stays out of the server: `service.cluster.stage_process` is that process, known here by its name alone.
"""

import asyncio
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import msgspec

from service.api.step import StageFault, StageRequest, StageSaid, StepDone
from service.errors import ServiceError
from service.jobs.apart import child_environment
from service.jobs.errors import JobFailed, ModelChanged, StorageError

_MODULE = "service.cluster.stage_process"

# The stages whose work grows fastest.
STAGES = frozenset({"embed", "tiles"})

# How often it is looked whether the server drains.
_LOOK_S = 0.5

_SAID: msgspec.json.Decoder[StageSaid] = msgspec.json.Decoder(StageSaid)


class ClusterError(StorageError):
    """The cluster cannot do the work now: the job is paused, and goes on when it is back."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, full=False)


@dataclass(frozen=True, slots=True)
class ClusterStages:
    """Has stages done on the cluster at `address`, with the bundle at `bundle`."""

    address: str
    bundle: Path

    async def run(
        self,
        work: tuple[Path, int, str],
        skip: Collection[int],
        keep: Callable[[int, StepDone], None],
        stopping: Callable[[], bool],
    ) -> None:
        """Do a stage (folder, number, digest of the model) but for the steps to skip; `keep` is called for each.

        It ends early, by killing the process, when `stopping` says so. Raises: ClusterError, JobFailed, ModelChanged.
        """
        folder, stage, digest = work
        request = StageRequest(self.address, str(self.bundle), digest, str(folder), stage, sorted(skip))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", _MODULE),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # a traceback may hold a client's text
            env=child_environment(),
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(msgspec.json.encode(request) + b"\n")
            while not stopping():
                try:
                    line = await asyncio.wait_for(process.stdout.readline(), _LOOK_S)
                except TimeoutError:
                    continue
                if not line:
                    return _require_success(await process.wait())
                said = _SAID.decode(line)
                if isinstance(said, StageFault):
                    raise _error(said)
                keep(said.step, said.output)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _require_success(status: int) -> None:
    if status:
        raise ClusterError(f"the process that works with the cluster ended with status {status}")


def _error(fault: StageFault) -> ServiceError:
    """Return what a fault means for the job."""
    if fault.fault == "model":
        return ModelChanged()
    if fault.fault == "damaged":
        return JobFailed(f"its files on the service's disk are damaged: {fault.detail}; send it as a new job")
    return ClusterError(fault.detail)
