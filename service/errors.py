"""The exceptions of the service; none of them knows HTTP.

ServiceError
├── Refused        a request is not taken, or not finished, for a reason that is not its answer
└── StartError     the workers cannot be started
"""


class ServiceError(Exception):
    """Base of everything that the service raises on purpose."""


class Refused(ServiceError):  # noqa: N818 - it is an outcome, not a fault
    """A request that is turned away: a problem's code, one sentence for the client, and when to come back.

    `retry_after` is in whole seconds, at least 1, or None where coming back would not help.
    """

    def __init__(self, code: str, detail: str, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retry_after = retry_after


class StartError(ServiceError):
    """The workers cannot be started: what they said, in one sentence."""
