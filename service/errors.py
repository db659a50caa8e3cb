"""The base exceptions of the service, independent of HTTP.

ServiceError
├── Refused        a request is refused, or was accepted and cannot be finished
└── StartError     the workers cannot be started
"""


class ServiceError(Exception):
    """Base class of the exceptions that the service raises on purpose."""


class Refused(ServiceError):  # noqa: N818 - it is an outcome, not a fault
    """A request gets a problem for an answer: its code, one sentence for the client, and when to try again.

    `retry_after` is in whole seconds, at least 1, or None where trying again would not help.
    """

    def __init__(self, code: str, detail: str, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retry_after = retry_after


class StartError(ServiceError):
    """The workers cannot be started; the text is their reason, in one sentence."""
