"""Slots change over to workers of another spec, whatever happens to slots and workers meanwhile."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.response import SlotState
from service.limits import PoolLimits
from service.pool.exit_status import ExitReport
from service.pool.lifecycle import PassingLaunchError
from service.pool.process import LaunchError, WorkerProcess, WorkerSpec
from service.pool.succession import MAX_STARTS, Succession
from service.scheduling.events import RestartReason
from tests.fakes import ScriptedHandler
from tests.support.event_loop import run

SLOTS = 3

OLD, NEW, OTHER = (WorkerSpec(ScriptedHandler, PoolLimits()) for _ in range(3))

SERVING = {SlotState.READY, SlotState.BUSY}

# What a test does to the slots and to the spare worker, between any two steps of the change-over.
ACTIONS = st.sampled_from(["call", "end", "die", "restart", "fail", "kill spare"])


class FakeWorker:
    """A worker process: of a spec, and living until it is killed or ended."""

    def __init__(self, spec: WorkerSpec) -> None:
        self.spec = spec
        self.exited = asyncio.get_running_loop().create_future()
        self.ended = False

    def kill(self) -> None:
        if not self.exited.done():
            self.exited.set_result(None)


class FakeSlot:
    """A slot that does what the test says, and tells the succession of each state as the real one does."""

    def __init__(self, succession: Succession, worker: FakeWorker) -> None:
        self.state = SlotState.READY
        self.spec: WorkerSpec | None = worker.spec
        self.worker: FakeWorker | None = worker
        self._succession = succession

    def exchange(self, successor: WorkerProcess) -> WorkerProcess:
        """Take another worker, as a slot can between two calls alone."""
        assert self.state is SlotState.READY
        assert not successor.exited.done()
        exchanged, self.worker, self.spec = self.worker, cast("FakeWorker", successor), successor.spec
        assert exchanged is not None
        return cast("WorkerProcess", exchanged)

    def become(self, state: SlotState) -> None:
        """Change the state."""
        self.state = state
        self._succession.slot_moved(self)

    def act(self, action: str) -> None:
        """Do what the action says, where the slot's state allows it."""
        if action == "call" and self.state is SlotState.READY:
            self.become(SlotState.BUSY)
        elif action == "end" and self.state is SlotState.BUSY:
            self.become(SlotState.READY)
        elif action == "die" and self.state in SERVING:
            assert self.worker is not None
            self.worker.ended = True
            self.worker = self.spec = None
            self.become(SlotState.DEAD)
        elif action == "restart" and self.state is SlotState.DEAD:
            self.spec = self._succession.current
            self.become(SlotState.STARTING)
        elif action == "restart" and self.state is SlotState.STARTING:
            assert self.spec is not None
            self.worker = FakeWorker(self.spec)
            self.become(SlotState.READY)
        elif action == "fail" and self.state is SlotState.STARTING:
            self.spec = None
            self.become(SlotState.DEAD)


class Simulation:
    """A succession over fake slots and workers. faults: the errors of the next starts, None for a worker."""

    def __init__(self, faults: Sequence[Exception | None] = (), *, blamed: bool = False) -> None:
        self.started: list[FakeWorker] = []
        self.followed: list[WorkerSpec] = []
        self._faults = iter(faults)
        self._blamed = blamed
        self.succession = Succession(OLD, self._start, self._end, self.followed.append)
        self.slots = [FakeSlot(self.succession, FakeWorker(OLD)) for _ in range(SLOTS)]
        self.succession.places = self.slots

    async def _start(self, spec: WorkerSpec) -> WorkerProcess:
        await asyncio.sleep(0)
        if (fault := next(self._faults, None)) is not None:
            raise fault
        self.started.append(FakeWorker(spec))
        return cast("WorkerProcess", self.started[-1])

    async def _end(self, process: WorkerProcess) -> ExitReport:
        worker = cast("FakeWorker", process)
        died = worker.exited.done()
        worker.kill()
        worker.ended = True
        return ExitReport(RestartReason.CRASH, "SIGSEGV", blamed=died and self._blamed)

    @property
    def serving(self) -> int:
        """Return how many slots can take requests."""
        return sum(slot.state in SERVING for slot in self.slots)

    @property
    def specs(self) -> set[WorkerSpec | None]:
        """Return what the slots' workers are of."""
        return {slot.spec for slot in self.slots}

    def lost(self) -> list[FakeWorker]:
        """Return the workers that run for nothing."""
        used = [slot.worker for slot in self.slots]
        return [worker for worker in self.started if not worker.ended and worker not in used]

    def act(self, action: str, number: int) -> None:
        """Do something to a slot or to the worker that was started last."""
        if action == "kill spare":
            if self.started and self.started[-1] not in [slot.worker for slot in self.slots]:
                self.started[-1].kill()
        else:
            self.slots[number].act(action)

    async def settle(self, change: "asyncio.Task[None]") -> None:
        """Let every call end and every slot come back, until the change-over has ended."""
        while not change.done():
            for slot in self.slots:
                slot.act("end")
                slot.act("restart")
            await asyncio.sleep(0)
        while self.serving < SLOTS:
            for slot in self.slots:
                slot.act("restart")


@given(st.lists(st.tuples(ACTIONS, st.integers(0, SLOTS - 1), st.integers(0, 3))))
def test_every_slot_changes_over_whatever_happens(steps: list[tuple[str, int, int]]) -> None:
    """No slot is without a worker because of it, and no worker is left over."""

    async def test() -> None:
        simulation = Simulation()
        change = asyncio.create_task(simulation.succession.change_over(NEW))
        for action, number, turns in steps:
            simulation.act(action, number)
            serving = simulation.serving
            for _ in range(turns):
                await asyncio.sleep(0)
            assert simulation.serving == serving
        await simulation.settle(change)
        await change

        assert simulation.specs == {NEW}
        assert simulation.followed == [NEW]
        assert simulation.lost() == []

    run(test())


@given(
    st.lists(st.tuples(ACTIONS, st.integers(0, SLOTS - 1), st.integers(0, 3))),
    st.integers(0, SLOTS - 1),
)
def test_a_spec_whose_workers_cannot_be_started_changes_nothing(
    steps: list[tuple[str, int, int]], good: int
) -> None:
    """Also when the first ones could: the slots that have them go back."""

    async def test() -> None:
        simulation = Simulation([*[None] * good, LaunchError("no memory")])
        change = asyncio.create_task(simulation.succession.change_over(NEW))
        for action, number, turns in steps:
            simulation.act(action, number)
            for _ in range(turns):
                await asyncio.sleep(0)
        await simulation.settle(change)

        # Slots that died meanwhile may have come by the new spec on their own, so that no start has failed.
        failed = change.exception() is not None
        assert simulation.specs == ({OLD} if failed else {NEW})
        assert failed or len(simulation.started) <= good
        assert simulation.lost() == []

    run(test())


def test_a_worker_that_is_killed_while_it_is_tried_is_tried_again() -> None:
    """It is not the spec's fault."""

    async def test() -> None:
        simulation = Simulation([PassingLaunchError("SIGKILL")] * (MAX_STARTS - 1))

        await simulation.succession.change_over(NEW)

        assert simulation.specs == {NEW}

    run(test())


def test_a_worker_that_is_killed_again_and_again_ends_the_change_over() -> None:
    """It is not tried for ever."""

    async def test() -> None:
        simulation = Simulation([PassingLaunchError("SIGKILL")] * MAX_STARTS)

        with pytest.raises(LaunchError, match="SIGKILL"):
            await simulation.succession.change_over(NEW)

        assert (simulation.specs, simulation.followed) == ({OLD}, [])

    run(test())


def test_a_spare_worker_that_crashes_ends_the_change_over() -> None:
    """It crashed with no request, so it is the spec's fault; the slots that have such workers go back."""

    async def test() -> None:
        simulation = Simulation(blamed=True)
        busy = simulation.slots[0]
        busy.act("call")
        change = asyncio.create_task(simulation.succession.change_over(NEW))
        while len(simulation.started) < SLOTS:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        simulation.started[-1].kill()
        await simulation.settle(change)

        with pytest.raises(LaunchError, match="SIGSEGV"):
            await change
        assert simulation.specs == {OLD}
        assert simulation.followed == [NEW, OLD]
        assert simulation.lost() == []

    run(test())


def test_slots_that_could_not_go_back_are_exchanged_by_the_next_change_over() -> None:
    """Their workers serve until then: they have passed their trial, and no other can be started."""

    async def test() -> None:
        simulation = Simulation([None, *[LaunchError("no memory")] * 2])
        with pytest.raises(LaunchError, match="no memory"):
            await simulation.succession.change_over(NEW)

        left = simulation.specs, simulation.serving, simulation.succession.mixed
        await simulation.succession.change_over(OTHER)

        assert left == ({OLD, NEW}, SLOTS, True)
        assert (simulation.specs, simulation.succession.mixed) == ({OTHER}, False)
        assert simulation.lost() == []

    run(test())


def test_a_busy_slot_changes_over_at_the_end_of_its_call() -> None:
    """The others do not wait for it."""

    async def test() -> None:
        simulation = Simulation()
        busy = simulation.slots[0]
        busy.act("call")
        change = asyncio.create_task(simulation.succession.change_over(NEW))
        while len(simulation.started) < SLOTS:
            await asyncio.sleep(0)
        during = [slot.spec for slot in simulation.slots]
        busy.act("end")
        await change

        assert during == [OLD, NEW, NEW]
        assert simulation.specs == {NEW}

    run(test())


def test_a_change_over_that_is_cancelled_leaves_every_slot_its_worker() -> None:
    """As in a drain: the spare worker is ended."""

    async def test() -> None:
        simulation = Simulation()
        simulation.slots[0].act("call")
        change = asyncio.create_task(simulation.succession.change_over(NEW))
        while len(simulation.started) < SLOTS:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        change.cancel()
        await asyncio.wait([change])

        assert change.cancelled()
        assert [slot.spec for slot in simulation.slots] == [OLD, NEW, NEW]
        assert simulation.lost() == []

    run(test())
