"""Steps that take seconds and need no model: each is done by a process of its own, at low priority.

`python -m service.jobs.long_steps` is that process.
"""

import asyncio
from pathlib import Path

from msgspec import Struct

from service.api.step import StepDone, StepReply
from service.jobs.apart import Processes, ProcessLost, answer
from service.jobs.errors import JobFailed
from service.jobs.step_calls import raise_refusal

# One that has ended so often would end again.
MAX_LOSSES = 3

RETRY_S = 1.0


class LongStep(Struct, frozen=True):
    """What the process is started with."""

    folder: str
    stage: int
    step: int


class LongSteps:
    """Has them done."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes

    async def run(self, name: str, folder: Path, stage: int, step: int) -> StepDone:
        """Have a step of the stage called `name` done. Raises: JobFailed, StorageError."""
        losses: list[str] = []
        while len(losses) < MAX_LOSSES:
            try:
                request = LongStep(str(folder), stage, step)
                reply: StepReply = await self._processes.run(
                    "service.jobs.long_steps",
                    request,
                    StepReply,  # type: ignore[arg-type]  # a union is a type, too
                )
            except ProcessLost as lost:
                losses.append(str(lost))
                await asyncio.sleep(RETRY_S)
                continue
            if isinstance(reply, StepDone):
                return reply
            raise_refusal(reply)
        raise JobFailed(f"the process of {name} ended {MAX_LOSSES} times, the last time because {losses[-1]}")


def run(request: LongStep) -> StepReply:
    """Do one long step, in a process of its own."""
    from service.scorers.documents.corpus_step import run_corpus_step  # noqa: PLC0415 - the server must not load it

    return run_corpus_step(Path(request.folder), None, request.stage, request.step)


if __name__ == "__main__":
    answer(LongStep, run)
