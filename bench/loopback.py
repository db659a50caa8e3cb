"""A worker's handler that answers with as many bytes as it was given: for the way there and back."""

from service.api.outcome import Outcome
from service.worker.main import Buffer


class LoopbackHandler:
    """Looks at nothing."""

    digest = "sha256:loopback"

    def __init__(self) -> None:
        self._answer = b""

    def __call__(self, body: Buffer, accept: str) -> Outcome:
        """Answer with zeros."""
        if len(self._answer) != len(body):
            self._answer = bytes(len(body))
        return Outcome("ok", self._answer)
