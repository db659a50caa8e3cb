"""One stage of a job on the cluster, in a process of its own: `python -m service.cluster.stage_process`.

    server ─ StageRequest, a line on standard input ─→ process ─ StepKept … , a line each on standard output ─→ server
                                                               └ at last nothing, or StageFault

The process ends when its standard input does, so it never outlives the server.
"""

import asyncio
import os
import sys
import threading
from pathlib import Path

import msgspec

from scoring.bundle.bundle import open_verified
from scoring.bundle.files import BundleFiles
from scoring.corpora.records import StepOutput
from scoring.errors import BundleError, CorpusError
from service.api.step import StageFault, StageRequest, StepDone, StepKept
from service.cluster.address import ClusterAddress
from service.cluster.connection import connected
from service.cluster.errors import ClusterError
from service.cluster.stages import StageRunner


def main() -> None:
    """Do the stage that is asked for, and write what has become of it."""
    request = msgspec.json.decode(sys.stdin.buffer.readline(), type=StageRequest)
    threading.Thread(target=_end_with_server, daemon=True).start()
    fault = _run(request)
    if fault is not None:
        _say(fault)


def _run(request: StageRequest) -> StageFault | None:
    """Do a stage; return why it cannot be done."""
    try:
        files = open_verified(Path(request.bundle))
        try:
            if files.digest != request.digest:
                return StageFault("model", f"the bundle at {request.bundle} is another, {files.digest}")
            asyncio.run(_carry_out(request, files))
        finally:
            files.close()
    except (ClusterError, BundleError) as error:
        return StageFault("cluster", str(error))
    except CorpusError as error:
        return StageFault("damaged", str(error))
    except OSError as error:
        return StageFault("unreadable", error.strerror or "a file cannot be read or written")
    return None


async def _carry_out(request: StageRequest, files: BundleFiles) -> None:
    async with connected(ClusterAddress.parse(request.cluster)) as cluster:
        runner = StageRunner(cluster, Path(request.folder), files)
        await runner.run(request.stage, frozenset(request.skip), _say_kept)


def _say_kept(step: int, output: StepOutput) -> None:
    _say(StepKept(step, StepDone(output.segment, output.offset, output.length)))


def _say(said: StepKept | StageFault) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


def _end_with_server() -> None:
    # Not by Python's own buffer: a thread that waits in it stops the interpreter from ending.
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
