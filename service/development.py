"""Development mode, `serve --reload`: when a scorer's files change, its workers are exchanged for new ones.

a file changes ─→ reload, as by SIGHUP: the new code is described and tried
                     ├── a fault ─→ logged; the old code serves on
                     └── it loads and passes its self-test ─→ the workers are exchanged, each between two calls
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import structs
from starlette.applications import Starlette

from scoring.progress import Progress, silent
from service import release
from service.api.scorer import Served
from service.pool.daemon_threads import run_blocking
from service.release import Release
from service.scorers.description import is_module_of
from service.scorers.handler import ScorerSource
from service.settings import Settings
from service.worker.main import HandlerFactory

logger = logging.getLogger(__name__)

# Within a reader's patience, and a folder of a thousand files costs a hundredth of a processor.
POLL_S = 0.5

# Folders whose files are not edited, beside hidden ones.
_LEFT_OUT = {"__pycache__", "node_modules", "site-packages"}

# (time of change in ns, size) of each file.
Stamps = dict[str, tuple[int, int]]


def open_release(
    settings: Settings, handlers: HandlerFactory | None = None, progress: Progress = silent
) -> Release:
    """Open a scorer as `service.release` does; its workers share no module of its folder, but import each anew.

    Raises: ScorerError.
    """
    opened = release.open_release(settings, handlers, progress)
    if not isinstance(opened.handlers, ScorerSource):
        return opened
    folder = Path(opened.folder)
    shared = tuple(name for name in opened.handlers.preload if not is_module_of(folder, name))
    described = structs.replace(opened.info.scorer, preload=shared, shared_code="")
    return replace(opened, handlers=replace(opened.handlers, preload=shared), info=Served(described))


def follow_changes(app: Starlette, folder: str, reload: Callable[[], Awaitable[None]]) -> None:
    """Have an application watch the Python files below a folder for as long as it runs, and reload when one changes."""
    served = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[Any]:
        async with served(app) as state:
            watching = asyncio.create_task(_watch(folder, reload), name="source watch")
            try:
                yield state
            finally:
                watching.cancel()

    app.router.lifespan_context = lifespan


async def _watch(folder: str, reload: Callable[[], Awaitable[None]]) -> None:
    seen = await run_blocking(partial(stamps, folder))
    logger.info("watching_files", extra={"folder": folder, "files": len(seen)})
    while True:
        await asyncio.sleep(POLL_S)
        now = await run_blocking(partial(stamps, folder))
        if now == seen:
            continue
        (file, _), *_ = sorted(now.items() ^ seen.items())
        seen = now
        logger.info("file_changed", extra={"file": file})
        await reload()


def stamps(folder: str) -> Stamps:
    """Return the stamps of all Python files below a folder; blocks."""
    found: Stamps = {}
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "." and name not in _LEFT_OUT]
        for name in files:
            if name.endswith(".py"):
                path = f"{place}/{name}"
                try:
                    status = os.stat(path)  # noqa: PTH116 - a thousand files, twice a second
                except OSError:
                    continue  # it is being replaced
                found[path] = (status.st_mtime_ns, status.st_size)
    return found
