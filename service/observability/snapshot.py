"""What the pool looks like at a moment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlotSnapshot:
    """One slot at a moment; pid is None while there is no worker."""

    slot: int
    pid: int | None
    state: str
    calls: int
    restarts: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The pool at a moment: its slots, and what waits: jobs, predicted seconds of one worker, subjects."""

    slots: tuple[SlotSnapshot, ...]
    jobs: int
    cost_s: float
    subjects: int
