"""A reload opens what is served anew, exchanges the workers, and says what came of it."""

import asyncio
import threading
from functools import partial
from typing import Any

import pytest

from scoring.errors import BundleError
from scoring.progress import Progress
from service.api.response import ModelInfo, Reloaded
from service.api.scorer import ScorerDescription, Served
from service.errors import Refused
from service.ipc.bundle_handle import BundleHandle
from service.pool.process import LaunchError
from service.release import Release
from service.reload import Reloader
from service.scheduling.features import KnownModel
from tests.fakes import ScriptedHandler
from tests.support.event_loop import run

DIGESTS = [f"sha256:{digit * 64}" for digit in "01"]

SCORER = ScorerDescription("scorers:Documents", "documents")

OLD, NEW = (
    Served(
        SCORER, ModelInfo("example", digest, dimensions=3, clusters=2, pooling="mean", tokenizer="letters")
    )
    for digest in DIGESTS
)


class FakeBundle:
    """The files of a release."""

    closed = False

    def close(self) -> None:
        self.closed = True


class FakeWorkers:
    """Takes releases, once it may; refuses them with `fault`."""

    def __init__(self) -> None:
        self.mixed = False
        self.exchanged: list[Served] = []
        self.digest = ""
        self.fault: Exception | None = None
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def exchange(self, release: Release) -> None:
        self.begun.set()
        await self.may_end.wait()
        if self.fault is not None:
            raise self.fault
        self.exchanged.append(release.info)


class Recorder:
    """Keeps the events of reloads."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def reload_started(self) -> None:
        self.events.append(("started",))

    def reload_verified(self, share: float) -> None:
        self.events.append(("verified", share))

    def reload_ended(self, end: Reloaded, info: Served) -> None:
        self.events.append((end.result, info))

    def reload_failed(self, detail: str) -> None:
        self.events.append(("failed", detail))


class Service:
    """A reloader that serves OLD; `found` is at its path, or what is raised."""

    def __init__(self, found: Served | Exception = NEW) -> None:
        self.found = found
        self.bundle: Any = FakeBundle()
        self.verified: list[int] = []
        self.workers = FakeWorkers()
        self.recorder = Recorder()
        self.opening = threading.Event()
        self.may_open = threading.Event()
        self.may_open.set()
        self.reloader = Reloader(OLD, self._open, self.workers, self.recorder, progress_interval_s=0.0)

    def _open(self, progress: Progress) -> Release:
        self.opening.set()
        self.may_open.wait()
        for done in self.verified:
            progress("verify", done, 100)
        if isinstance(self.found, Exception):
            raise self.found
        bundle: BundleHandle = self.bundle
        return Release(ScriptedHandler, self.found, KnownModel(), bundle)


def test_another_model_is_served_from_then_on() -> None:
    """The answer has both digests; the files belong to the workers."""

    async def test() -> None:
        service = Service()

        end = await service.reloader.reload()

        assert (end.result, end.old_digest, end.digest) == ("reloaded", *DIGESTS)
        assert service.reloader.info is NEW
        assert service.workers.exchanged == [NEW]
        assert service.recorder.events == [("started",), ("reloaded", NEW)]
        assert not service.bundle.closed

    run(test())


def test_the_same_model_replaces_what_a_failed_reload_has_left() -> None:
    """A worker of another one, which could not be exchanged back."""

    async def test() -> None:
        service = Service(OLD)
        service.workers.mixed = True

        end = await service.reloader.reload()

        assert (end.result, end.old_digest, end.digest) == ("reloaded", DIGESTS[0], DIGESTS[0])
        assert service.workers.exchanged == [OLD]
        assert not service.bundle.closed

    run(test())


def test_the_same_model_exchanges_nothing() -> None:
    """Its files are closed again."""

    async def test() -> None:
        service = Service(OLD)

        end = await service.reloader.reload()

        assert (end.result, end.old_digest, end.digest) == ("unchanged", DIGESTS[0], DIGESTS[0])
        assert service.workers.exchanged == []
        assert service.recorder.events == [("started",), ("unchanged", OLD)]
        assert service.bundle.closed

    run(test())


@pytest.mark.parametrize("where", ["files", "workers"])
def test_a_fault_changes_nothing(where: str) -> None:
    """It is told in the answer and to the observer, and the next reload is as good as any."""

    async def test() -> None:
        service = Service(BundleError("b/terms.json: is no list") if where == "files" else NEW)
        service.workers.fault = LaunchError("b/terms.json: is no list")

        with pytest.raises(Refused, match=r"^nothing has changed: b/terms\.json: is no list$") as refusal:
            await service.reloader.reload()
        after = service.reloader.info
        service.found, service.workers.fault = NEW, None

        assert refusal.value.code == "reload_failed"
        assert after is OLD
        assert service.recorder.events == [("started",), ("failed", "b/terms.json: is no list")]
        assert (await service.reloader.reload()).result == "reloaded"

    run(test())


def test_the_observer_is_told_how_far_the_checksums_are() -> None:
    """Of a large bundle, now and then."""

    async def test() -> None:
        service = Service()
        service.verified = [25, 100]

        await service.reloader.reload()

        assert service.recorder.events[:3] == [("started",), ("verified", 0.25), ("verified", 1.0)]

    run(test())


def test_one_reload_runs_at_a_time() -> None:
    """A second one is refused, and one of a signal waits: the first may have opened the files too early."""

    async def test() -> None:
        service = Service()
        service.workers.may_end.clear()
        first = asyncio.create_task(service.reloader.reload())
        await service.workers.begun.wait()
        with pytest.raises(Refused) as refusal:
            await service.reloader.reload()
        signalled = asyncio.create_task(service.reloader.reload_on_signal())
        service.workers.may_end.set()
        await asyncio.gather(first, signalled)

        assert refusal.value.code == "reload_running"
        assert service.recorder.events == [
            ("started",), ("reloaded", NEW), ("started",), ("unchanged", NEW),
        ]  # fmt: skip

    run(test())


def test_a_reload_outlives_its_client() -> None:
    """It is not cut short in the middle of the workers."""

    async def test() -> None:
        service = Service()
        service.workers.may_end.clear()
        client = asyncio.create_task(service.reloader.reload())
        await service.workers.begun.wait()
        client.cancel()
        await asyncio.wait([client])
        service.workers.may_end.set()
        while service.reloader.info is OLD:
            await asyncio.sleep(0)

        assert client.cancelled()
        assert service.recorder.events == [("started",), ("reloaded", NEW)]

    run(test())


def test_a_drain_ends_a_reload_and_allows_no_other() -> None:
    """The client is told; what a thread still opens is closed when it comes."""

    async def test() -> None:
        service = Service()
        service.may_open.clear()
        client = asyncio.create_task(service.reloader.reload())
        await asyncio.get_running_loop().run_in_executor(None, service.opening.wait)

        service.reloader.stop()
        await asyncio.wait([client])
        service.may_open.set()
        while not service.bundle.closed:
            await asyncio.sleep(0)

        for attempt in (lambda: client, partial(service.reloader.reload)):
            with pytest.raises(Refused) as refusal:
                await attempt()
            assert refusal.value.code == "draining"
        assert service.workers.exchanged == []
        assert service.reloader.info is OLD

    run(test())


def test_a_signal_does_not_raise_what_failed() -> None:
    """It has nobody to answer: the log has it."""

    async def test() -> None:
        service = Service(BundleError("b: there is no such folder"))

        await service.reloader.reload_on_signal()

        assert service.recorder.events == [("started",), ("failed", "b: there is no such folder")]

    run(test())
