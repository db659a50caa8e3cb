"""Exchanges what is served while it is served: `POST /reload` and SIGHUP.

open and verify, beside the loop ── the same digest ─→ unchanged
   │        └── a fault ─→ failed, nothing has changed
   ↓
exchange the workers, one by one ── a new one cannot serve ─→ failed, the workers are as before
   ↓
`info`, and what the observer says, are those of the new release
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Protocol

from scoring.errors import ScoringError
from scoring.progress import Progress
from service.api.response import Reloaded
from service.api.scorer import Served
from service.errors import Refused
from service.pool.daemon_threads import run_blocking
from service.pool.process import LaunchError
from service.release import Release
from service.scorers.reference import ScorerError

# How often the log says how far the checksums are: of small bundles never.
PROGRESS_INTERVAL_S = 5.0

# Opens what is to be served anew, with every check; blocks. Raises: ScoringError.
OpenRelease = Callable[[Progress], Release]


class Workers(Protocol):
    """The part of the dispatcher that a reload needs. digest: of what the workers serve, as far as they say it."""

    @property
    def digest(self) -> str:
        """Return what the workers say; empty where they say nothing."""

    @property
    def mixed(self) -> bool:
        """Whether a worker serves another release than the current one, as where an exchange could not be undone."""

    async def exchange(self, release: Release) -> None:
        """Have every slot go on with a worker of this release. Raises: LaunchError, Refused; nothing has changed."""


class ReloadObserver(Protocol):
    """Receives the events of reloads, on the event loop."""

    def reload_started(self) -> None:
        """Note that the files are being opened."""

    def reload_verified(self, share: float) -> None:
        """Note how much of the files has been checked, 0 to 1; only where that takes long."""

    def reload_ended(self, end: Reloaded, info: Served) -> None:
        """Note what is served now, and whether it is another model than before."""

    def reload_failed(self, detail: str) -> None:
        """Note why what was served is still served."""


class Reloader:
    """What is served, `info`, and the way to exchange it; one reload at a time. Belongs to the event loop's thread."""

    def __init__(
        self,
        info: Served,
        open_release: OpenRelease,
        workers: Workers,
        observer: ReloadObserver,
        progress_interval_s: float = PROGRESS_INTERVAL_S,
    ) -> None:
        """`info`: of the release that the workers have."""
        self.info = info
        self._open_release = open_release
        self._workers = workers
        self._observer = observer
        self._progress_interval_s = progress_interval_s
        self._running: asyncio.Task[Reloaded] | None = None
        self._stopped = False

    async def reload(self) -> Reloaded:
        """Open what is served anew, and serve it when it is another one. Goes on when the caller is cancelled.

        Raises: Refused (`reload_failed`, `reload_running`, `draining`, `starting`); nothing has changed then.
        """
        if self._stopped:
            raise Refused("draining", "the server is shutting down")
        if self._running is not None and not self._running.done():
            raise Refused("reload_running", "a reload is running; ask again when it has ended")
        running = self._running = asyncio.create_task(self._reload(), name="reload")
        running.add_done_callback(_consume)
        await asyncio.wait([running])
        if running.cancelled():
            raise Refused("draining", "the server is shutting down")
        return running.result()

    async def reload_on_signal(self) -> None:
        """Reload, after the one that runs, if any: it may have read the files too early. Failures are logged."""
        while self._running is not None and not self._running.done():
            await asyncio.wait([self._running])
        with suppress(Refused):
            await self.reload()

    def stop(self) -> None:
        """End the reload that runs, and allow no other: the server drains."""
        self._stopped = True
        if self._running is not None:
            self._running.cancel()

    async def _reload(self) -> Reloaded:
        began, old_digest = monotonic(), self._digest
        self._observer.reload_started()
        try:
            release = await self._opened()
            self._check_fit(release)
            # What has no digest may have changed.
            digest = release.info.digest
            changed = not digest or digest != self.info.digest or self._workers.mixed
            if changed:
                await self._workers.exchange(release)
            else:
                release.close()
        except (ScoringError, ScorerError, LaunchError) as error:
            self._observer.reload_failed(str(error))
            raise Refused("reload_failed", f"nothing has changed: {error}") from error
        except Refused as refused:
            self._observer.reload_failed(refused.detail)
            raise
        except Exception as error:
            self._observer.reload_failed(type(error).__name__)
            raise
        self.info = release.info
        seconds = round(monotonic() - began, 3)
        end = Reloaded("reloaded" if changed else "unchanged", old_digest, self._digest, seconds)
        self._observer.reload_ended(end, self.info)
        return end

    @property
    def _digest(self) -> str | None:
        """The digest of what is served; of a scorer only its workers know it."""
        return self.info.digest or self._workers.digest or None

    def _check_fit(self, release: Release) -> None:
        """Close a release that this server cannot go on with. Raises: ScorerError."""
        before, scorer = self.info.scorer, release.info.scorer
        fault = ""
        if scorer.interface != before.interface:
            fault = "it takes or returns another kind of body than before"
        elif scorer.shared_code and scorer.shared_code != before.shared_code:
            # The process that workers are forked from has imported it for good.
            fault = "the code beside it has changed, of which workers share the modules in preload"
        if fault:
            release.close()
            raise ScorerError(f"{scorer.file}: {fault}; restart the service")

    async def _opened(self) -> Release:
        """Open the release in a thread; when this is cancelled, what comes of it is closed."""
        opening = run_blocking(partial(self._open_release, self._progress()))
        try:
            await asyncio.wait([opening])
        except asyncio.CancelledError:
            opening.add_done_callback(_discard)
            raise
        return opening.result()

    def _progress(self) -> Progress:
        """Return what the thread tells how far it is; the observer is told now and then."""
        loop = asyncio.get_running_loop()
        due = monotonic() + self._progress_interval_s

        def tell(stage: str, done: int, total: int) -> None:
            nonlocal due
            if monotonic() >= due:
                due = monotonic() + self._progress_interval_s
                loop.call_soon_threadsafe(self._observer.reload_verified, done / max(1, total))

        return tell


def _consume(running: "asyncio.Task[Reloaded]") -> None:
    """Read the error of a reload whose caller has left, or asyncio logs it."""
    if not running.cancelled():
        running.exception()


def _discard(opening: "asyncio.Future[Release]") -> None:
    if not opening.cancelled() and not opening.exception():
        opening.result().close()
