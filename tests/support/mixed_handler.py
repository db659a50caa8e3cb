"""A worker's handler that scores JSON bodies and executes the command in any other body, such as `sleep 5`."""

from pathlib import Path

from service.api.outcome import Outcome
from service.api.request import Operation
from service.limits import RequestLimits
from service.scorers.documents import stages  # noqa: F401 - the fork server preloads this module, and so what it imports
from service.scorers.handler import open_documents
from service.worker.main import Buffer
from tests.fakes import ScriptedHandler


class MixedHandler:
    """The scoring handler for JSON objects, the scripted handler for other bodies."""

    def __init__(self, bundle: Path, limits: RequestLimits) -> None:
        self._scoring = open_documents(bundle, limits)
        self._scripted = ScriptedHandler()
        self.digest = self._scoring.digest

    def __call__(self, body: Buffer, operation: Operation) -> Outcome:
        handler = self._scoring if bytes(body[:1]) == b"{" else self._scripted
        return handler(body, operation)
