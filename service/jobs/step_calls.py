"""Has one step done by a worker, however many workers that takes.

done                        its record is written
its worker crashed, hung    again, at most `MAX_CRASHES` times
or failed
its worker was lost         again, after a moment: nobody says that the step is to blame
another model               again, while workers are being exchanged; else the job's model has changed
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, Protocol

import msgspec

from service.api.step import StepDone, StepRefused, StepReply, StepRequest
from service.jobs.errors import JobFailed, ModelChanged, StorageError
from service.scheduling.events import End, Finish
from service.scheduling.job import Job

# A step that has ended so many workers, or failed in them, would end the next one, too.
MAX_CRASHES = 3

# How long to wait where workers are being exchanged, or restarted.
RETRY_S = 0.5

_REPLY: msgspec.json.Decoder[StepReply] = msgspec.json.Decoder(StepReply)


class Stopping(Exception):  # noqa: N818 - it is an event, not a fault
    """The server drains: no step is done any more."""


class StepQueue(Protocol):
    """The part of the dispatcher that jobs need."""

    async def run_step(self, step: Job) -> Finish:
        """Have a step run on a slot that no request waits for; cancelling withdraws it."""


class StepCalls:
    """The steps of one job, all of one model."""

    def __init__(self, queue: StepQueue, subject: str, folder: str, digest: str) -> None:
        self._queue = queue
        self._subject = subject
        self._folder = folder
        self._digest = digest

    async def run(self, name: str, stage: int, step: int, served: Callable[[], str]) -> StepDone:
        """Have a step of the stage called `name` done. `served`: says the digest of the model that is served now.

        Raises: JobFailed, ModelChanged, StorageError, Stopping.
        """
        body = msgspec.json.encode(StepRequest(self._folder, stage, step, self._digest))
        crashes = 0
        while crashes < MAX_CRASHES:
            job = Job(
                f"{Path(self._folder).name}-{name}-{step}", self._subject, body, "corpus_step", 0.0, step=True
            )
            finish = await self._queue.run_step(job)
            if finish.end is End.STOPPED:
                raise Stopping
            reply = _reply(finish)
            if isinstance(reply, StepDone):
                return reply
            if isinstance(reply, StepRefused):
                if reply.fault != "model":
                    raise_refusal(reply)
                if served() != self._digest:
                    raise ModelChanged
            else:
                crashes += finish.end in {End.ANSWERED, End.CRASHED, End.EXPIRED}
            if finish.end is not End.CRASHED:
                await asyncio.sleep(RETRY_S)
        raise JobFailed(
            f"step {step} of {name} ended {MAX_CRASHES} workers or failed in them; the service's log says how. One of "
            "its documents may be the cause; the others can be sent as a new job"
        )


def _reply(finish: Finish) -> StepReply | None:
    """Return what the worker replied, None where it could not."""
    if finish.outcome is None or finish.outcome.code != "ok":
        return None
    return _REPLY.decode(finish.outcome.body)


def raise_refusal(refused: StepRefused) -> NoReturn:
    """Raise what a refusal means for the job. Raises: JobFailed, StorageError."""
    if refused.fault == "damaged":
        raise JobFailed(
            f"its files on the service's disk are damaged: {refused.detail}; send it as a new job"
        )
    raise StorageError(refused.detail, full=refused.fault == "full")
