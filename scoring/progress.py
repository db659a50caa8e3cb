"""How a long computation reports its progress; the caller decides whether and how to show it."""

from typing import Protocol


class Progress(Protocol):
    """Called with a stage's name, the steps done and the steps in all; a stage ends with `done == total`."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Record one step."""


def silent(stage: str, done: int, total: int) -> None:
    """Discard the report."""
