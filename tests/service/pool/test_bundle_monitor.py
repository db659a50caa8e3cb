"""Damage to a bundle is over once, whatever is exchanged while it lasts; the rest is in tests/integration."""

import asyncio
import os
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from scoring.bundle.bundle import open_verified
from service.ipc.bundle_handle import BundleHandle
from service.pool import bundle_monitor
from service.pool.bundle_monitor import BundleMonitor
from service.pool.observer import NullPoolObserver
from tests.support.event_loop import run

FILE = "centroids.npy"


class Record(NullPoolObserver):
    """What the monitor says."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def bundle_damaged(self, file: str, size: int, expected: int, fault: str) -> None:
        """Note it."""
        self.events.append(f"{file} damaged")

    def bundle_restored(self) -> None:
        """Note it."""
        self.events.append("restored")


@pytest.fixture(autouse=True)
def interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examine damaged files all the time."""
    monkeypatch.setattr(bundle_monitor, "CHECK_INTERVAL_S", 0)


@pytest.fixture
def bundles(demo_bundle: Path, tmp_path: Path) -> tuple[BundleHandle, BundleHandle]:
    """Return the handles of a bundle that may be damaged and of another one."""
    damaged = shutil.copytree(demo_bundle, tmp_path / "bundle")
    return BundleHandle(open_verified(damaged)), BundleHandle(open_verified(demo_bundle))


Scenario = Callable[[BundleMonitor, Record], Coroutine[None, None, None]]


async def monitored(bundle: BundleHandle, scenario: Scenario) -> None:
    """Run a scenario beside a monitor, which must not end by itself."""
    record = Record()
    monitor = BundleMonitor(bundle, record, lambda: None)
    running = asyncio.create_task(monitor.run())
    try:
        await asyncio.sleep(0)
        await scenario(monitor, record)
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def damage(monitor: BundleMonitor, bundle: BundleHandle) -> None:
    """Cut a file off, and report it as a slot does."""
    os.truncate(bundle.files.path / FILE, 10)
    found = monitor.inspect(bundle)
    assert found is not None
    monitor.report(bundle, found)


async def await_events(record: Record, count: int) -> None:
    """Wait until the monitor has said so much."""
    while len(record.events) < count:
        await asyncio.sleep(0.001)


def test_a_bundle_is_exchanged_at_the_moment_of_its_damage(
    bundles: tuple[BundleHandle, BundleHandle],
) -> None:
    """The monitor has not looked yet, and then has nothing to look after; later damage is seen."""
    first, second = bundles

    async def scenario(monitor: BundleMonitor, record: Record) -> None:
        damage(monitor, first)
        monitor.watch(second)
        await asyncio.sleep(0.05)
        assert monitor.damage is None
        monitor.watch(first)
        damage(monitor, first)
        assert record.events == [f"{FILE} damaged", "restored", f"{FILE} damaged"]

    run(monitored(first, scenario))


def test_the_damaged_bundle_comes_back_when_another_one_cannot_serve(
    bundles: tuple[BundleHandle, BundleHandle],
) -> None:
    """Its damage is found by the next crash of a worker, and its repair then ends that."""
    first, second = bundles
    path = first.files.path / FILE
    whole = path.read_bytes()

    async def scenario(monitor: BundleMonitor, record: Record) -> None:
        damage(monitor, first)
        await asyncio.sleep(0.02)
        monitor.watch(second)
        monitor.watch(first)
        await asyncio.sleep(0.05)
        assert monitor.damage is None
        damage(monitor, first)
        path.write_bytes(whole)
        await await_events(record, 4)
        assert record.events == [f"{FILE} damaged", "restored"] * 2
        assert monitor.damage is None

    run(monitored(first, scenario))
