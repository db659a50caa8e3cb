"""How long work tells its caller how far it is; who draws it, and whether, is the caller's matter."""

from typing import Protocol


class Progress(Protocol):
    """Called with a stage's name, the steps done and the steps in all; a stage ends with `done == total`."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take note of one step."""


def silent(stage: str, done: int, total: int) -> None:
    """Take no note."""
