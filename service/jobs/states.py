"""The states of a job, and which may follow which.

    UPLOADING ─→ QUEUED ←─→ RUNNING ─→ DONE
                  │  ↑        │  ↑ └─→ FAILED
                  │  └ PAUSED ←──┘
                  └──────┴────┴──────→ CANCELLED

A job is UPLOADING until its corpus is read and on disk; a crash before that leaves nothing of it. It is QUEUED behind
other jobs of its subject, and again after a restart of the server. It is PAUSED while the disk has no room.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where a job is in its life."""

    UPLOADING = "uploading"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether no other state follows."""
        return not FOLLOWING[self]


_ENDS = frozenset({State.DONE, State.FAILED, State.CANCELLED})

FOLLOWING: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.UPLOADING: frozenset({State.QUEUED}),
        State.QUEUED: frozenset({State.RUNNING, State.PAUSED, State.FAILED, State.CANCELLED}),
        State.RUNNING: frozenset({State.QUEUED, State.PAUSED}) | _ENDS,
        State.PAUSED: frozenset({State.QUEUED, State.RUNNING, State.FAILED, State.CANCELLED}),
        State.DONE: frozenset(),
        State.FAILED: frozenset(),
        State.CANCELLED: frozenset(),
    }
)
