"""The exceptions of jobs.

ServiceError
├── StorageError      `state_dir` cannot be read or written; `full` where there is no room
├── JobFailed         a job cannot be done
└── ModelChanged      a job's model is not the one that is served any more
"""

from service.errors import ServiceError


class StorageError(ServiceError):
    """`state_dir` cannot be read or written: one sentence, and whether that is for lack of room."""

    def __init__(self, detail: str, *, full: bool) -> None:
        super().__init__(detail)
        self.full = full


class JobFailed(ServiceError):  # noqa: N818 - it is an outcome, not a fault
    """A job cannot be done; the text is for its owner, one sentence."""


class ModelChanged(ServiceError):  # noqa: N818 - it is an event, not a fault
    """The model that a job was begun with is not served any more."""
