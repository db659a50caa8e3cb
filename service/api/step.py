"""What the server asks a worker to do for a durable job, one step at a time, and what the worker replies.

Both are JSON of under a kilobyte; the work itself is in the files of the job's folder.
"""

from msgspec import Struct


class StepRequest(Struct, frozen=True, gc=False):
    """A step: its job's folder, the numbers of its stage and of itself.

    digest: of the model that it is to be done with; empty for a stage that needs none.
    """

    folder: str
    stage: int
    step: int
    digest: str


class StepDone(Struct, frozen=True, gc=False, tag="done"):
    """The step's record is written, not yet synced: `length` bytes at `offset` of a segment of the folder."""

    segment: str
    offset: int
    length: int


class StepRefused(Struct, frozen=True, gc=False, tag="refused"):
    """The step could not be done here and now.

    fault: `model` for a worker with another model than the step is meant for, `full` where the disk has no room, `gone`
    where the folder is no longer there, `unreadable` where a file of it cannot be read or written, `damaged` where it
    is not what was written. detail: why, with names of files and without any text of a document.
    """

    fault: str
    detail: str = ""


StepReply = StepDone | StepRefused


class StageRequest(Struct, frozen=True):
    """All steps of a stage but those to skip, to be done on a cluster: its address, and the bundle that is meant."""

    cluster: str
    bundle: str
    digest: str
    folder: str
    stage: int
    skip: list[int]


class StepKept(Struct, frozen=True, gc=False, tag="kept"):
    """A step's record is written, not yet synced."""

    step: int
    output: StepDone


class StageFault(Struct, frozen=True, tag="fault"):
    """The stage cannot go on. fault: as of `StepRefused`, or `cluster` where that is the reason."""

    fault: str
    detail: str


StageSaid = StepKept | StageFault
