"""What runs in a worker process."""

from collections.abc import Callable
from typing import Protocol

from service.answer import Facts

Buffer = bytes | bytearray | memoryview


class AnswerLike(Protocol):
    """The end of one request: see `service.answer.Answer`."""

    @property
    def code(self) -> str:
        """Return "ok" or a problem's code."""

    @property
    def body(self) -> bytes:
        """Return the answer's bytes."""

    @property
    def facts(self) -> Facts:
        """Return what the server counts."""


class Handler(Protocol):
    """Scores one body after the other; must keep no reference to the buffer that it is given."""

    digest: str

    def __call__(self, body: Buffer, accept: str) -> AnswerLike:
        """Answer one request."""


# Picklable: it is called in the worker, once, before the first call.
HandlerFactory = Callable[[], Handler]
