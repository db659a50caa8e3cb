"""The events of the pool, for metrics and logs. Each is reported once, on the event loop."""

from collections.abc import Sequence
from typing import Protocol

from service.api.outcome import Outcome


class Observer(Protocol):
    """Receives the pool's events. Its methods must be quick and must not raise."""

    def refused(self, code: str) -> None:
        """Note that a request was refused before any work: `overloaded`, `quota_exceeded`, …."""

    def called(self, slot: int, waits_s: Sequence[float]) -> None:
        """Note that a call began: one entry, the seconds in the queue, for each job of its batch."""

    def finished(self, subject: str, outcome: Outcome) -> None:
        """Note the end of an admitted request; `client_closed` when the client left before it."""

    def faulted(self, slot: int, request_id: str, fault: str) -> None:
        """Note that the handler raised: the class of the exception and where, never its message."""

    def slot_changed(self, slot: int, state: str) -> None:
        """Note a slot's new state: starting, ready, busy, killing, dead, backoff or draining."""

    def slot_ended(self, slot: int, reason: str, detail: str) -> None:
        """Note that a worker is gone: crash, deadline, memory, timer, cancelled, recycle; and how."""

    def start_failed(self, slot: int, detail: str) -> None:
        """Note that a worker could not be started, and why."""

    def bundle_damaged(self, file: str, size: int, expected: int, fault: str) -> None:
        """Note that a file of the bundle is damaged, its size and the expected one in bytes: no worker serves."""

    def bundle_restored(self) -> None:
        """Note that all files of the bundle are whole again."""

    def loop_lagged(self, lag_s: float) -> None:
        """Note by how many seconds the event loop was late."""


class NullPoolObserver:
    """An observer that ignores every event."""

    def refused(self, code: str) -> None:
        """Ignore it."""

    def called(self, slot: int, waits_s: Sequence[float]) -> None:
        """Ignore it."""

    def finished(self, subject: str, outcome: Outcome) -> None:
        """Ignore it."""

    def faulted(self, slot: int, request_id: str, fault: str) -> None:
        """Ignore it."""

    def slot_changed(self, slot: int, state: str) -> None:
        """Ignore it."""

    def slot_ended(self, slot: int, reason: str, detail: str) -> None:
        """Ignore it."""

    def start_failed(self, slot: int, detail: str) -> None:
        """Ignore it."""

    def bundle_damaged(self, file: str, size: int, expected: int, fault: str) -> None:
        """Ignore it."""

    def bundle_restored(self) -> None:
        """Ignore it."""

    def loop_lagged(self, lag_s: float) -> None:
        """Ignore it."""
