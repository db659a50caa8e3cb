"""Which workers serve next: those of the current spec, and how every slot comes by one when the spec changes.

    change_over(spec) ─→ start a spare worker, try it ── it fails ─→ nothing has changed
                              │ it answers: `spec` is current, so what is started from now on is of it
                              ↓
          ┌─→ the spare waits for the first slot that is between two calls and has an older worker
          │                   ↓
          └── the slot goes on with it; the older worker ends ── none is left ─→ done
    a new worker cannot be started ─→ the same way back, to the spec before

There is never a worker less than before, and one more while it lasts. A slot whose worker dies meanwhile gets one of
the current spec by itself. Everything here belongs to the event loop's thread.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Protocol

from service.api.response import SlotState
from service.pool.exit_status import ExitReport
from service.pool.lifecycle import PassingLaunchError
from service.pool.process import LaunchError, WorkerProcess, WorkerSpec

# A worker may be killed from outside while it is tried, and the next one serves. So many in a row are no accident.
MAX_STARTS = 5

# Returns a worker of a spec that has answered its trial. Raises: LaunchError.
StartSpare = Callable[[WorkerSpec], Awaitable[WorkerProcess]]

# Ends a worker that serves no more; returns how it ended when it is gone.
EndWorker = Callable[[WorkerProcess], Coroutine[None, None, ExitReport]]


class Place(Protocol):
    """A slot as a change-over sees it. spec: of its worker or of the one that it is starting, None without either."""

    state: SlotState

    @property
    def spec(self) -> WorkerSpec | None:
        """Return what its worker was started with."""

    def exchange(self, successor: WorkerProcess) -> WorkerProcess:
        """Go on with another worker, in the state READY, and return the one that it had."""


class Succession:
    """The current spec and, during a change-over, the spare worker that waits for a slot.

    superseded: settled when `current` changes, and replaced.
    """

    def __init__(
        self, spec: WorkerSpec, start: StartSpare, end: EndWorker, follow: Callable[[WorkerSpec], None]
    ) -> None:
        """`follow` is called with the spec that has become the current one."""
        self.current = spec
        self.places: Sequence[Place] = ()
        self._start = start
        self._end = end
        self._follow = follow
        self._spare: WorkerProcess | None = None
        self._ending: set[asyncio.Task[ExitReport]] = set()
        self._loop = asyncio.get_running_loop()
        self._moved = self._loop.create_future()
        self.superseded = self._loop.create_future()

    @property
    def mixed(self) -> bool:
        """Whether a slot has a worker of another spec: during a change-over, and where one could not go back."""
        return any(map(self._outdated, self.places))

    async def change_over(self, spec: WorkerSpec) -> None:
        """Have every slot go on with a worker of another spec; return when the last older one is gone.

        Where this is cancelled, each slot keeps the worker that it has.

        Raises: LaunchError; all slots have workers of the spec before then, as far as those can be started.
        """
        before = self.current
        spare = await self._started(spec)
        try:
            await self._move_to(spec, spare)
        except LaunchError:
            with suppress(LaunchError):
                await self._move_to(before)
            raise
        finally:
            if self._ending:
                await asyncio.wait(self._ending)

    def slot_moved(self, slot: Place) -> None:
        """Take note of a slot's new state: between two calls it may get another worker."""
        spare = self._spare
        if (
            slot.state is SlotState.READY
            and spare is not None
            and not spare.exited.done()
            and self._outdated(slot)
        ):
            self._spare = None
            self._dismiss(slot.exchange(spare))
        _settle(self._moved)

    def withdraw(self) -> None:
        """Kill the spare worker: no worker may serve that was started before."""
        if self._spare is not None:
            self._spare.kill()

    async def _move_to(self, spec: WorkerSpec, spare: WorkerProcess | None = None) -> None:
        """Make `spec` the current one and exchange the workers of all others. Raises: LaunchError."""
        self.current = spec
        self._follow(spec)
        self.superseded.set_result(None)
        self.superseded = self._loop.create_future()
        while self.mixed:
            await self._hand_over(spare or await self._started(spec))
            spare = None
        if spare is not None:
            self._dismiss(spare)

    async def _hand_over(self, spare: WorkerProcess) -> None:
        """Wait until a slot has taken a worker, or none needs it any more. Raises: LaunchError when it crashes."""
        self._spare = spare
        for slot in self.places:
            self.slot_moved(slot)
        try:
            while self._is_wanted(spare):
                self._moved = self._loop.create_future()
                await asyncio.wait([self._moved, spare.exited], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending = self._take_back()
        if ending is not None and (end := await ending).blamed:
            raise LaunchError(f"a new worker ended before it had a request: {end.evidence}")

    def _is_wanted(self, spare: WorkerProcess) -> bool:
        """Return whether a spare worker lives, and waits for a slot that needs it."""
        waits = self._spare is spare and not spare.exited.done()
        return waits and self.mixed

    def _take_back(self) -> "asyncio.Task[ExitReport] | None":
        """End the spare worker if no slot has taken it."""
        spare, self._spare = self._spare, None
        return self._dismiss(spare) if spare is not None else None

    async def _started(self, spec: WorkerSpec) -> WorkerProcess:
        """Start a spare worker; one that is killed from outside is no reason to give up. Raises: LaunchError."""
        starts = 0
        while True:
            try:
                return await self._start(spec)
            except PassingLaunchError:
                starts += 1
                if starts == MAX_STARTS:
                    raise

    def _outdated(self, slot: Place) -> bool:
        return slot.spec is not None and slot.spec is not self.current

    def _dismiss(self, process: WorkerProcess) -> "asyncio.Task[ExitReport]":
        ending = asyncio.create_task(self._end(process))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        return ending


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
