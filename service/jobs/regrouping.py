"""Other groups of duplicates of a job that is done, from its stored pairs: in a process of its own, and kept beside.

`python -m service.jobs.regrouping` is that process.
"""

import asyncio
import shutil
from functools import partial
from pathlib import Path
from typing import Literal

from msgspec import Struct

from service.errors import Refused
from service.jobs.apart import Processes, ProcessLost, answer
from service.pool.daemon_threads import run_blocking

# Answers that are kept of a job; another takes the place of the oldest.
MAX_ANSWERS = 8


class Regrouping(Struct, frozen=True):
    """What the process is started with."""

    folder: str
    threshold: float
    linkage: Literal["components", "complete"]


class Regrouped(Struct, frozen=True):
    """What became of it: the name of the answer, or why there is none."""

    name: str = ""
    detail: str = ""


class Regroupings:
    """Makes other groups, of one job at a time."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._free = asyncio.Lock()

    async def run(self, folder: Path, threshold: float, linkage: Literal["components", "complete"]) -> str:
        """Return the name of the answer with such groups, for the engine. Raises: Refused (`no_result`)."""
        async with self._free:
            await run_blocking(partial(drop_oldest, folder))
            try:
                request = Regrouping(str(folder), threshold, linkage)
                made = await self._processes.run("service.jobs.regrouping", request, Regrouped)
            except ProcessLost as lost:
                raise Refused("no_result", f"duplicates: the groups could not be made: {lost}") from lost
        if not made.name:
            raise Refused("no_result", made.detail)
        return made.name


def drop_oldest(folder: Path) -> None:
    """Leave room for another answer."""
    answers = sorted(folder.glob("groups-*"), key=lambda path: path.stat().st_mtime)
    for path in answers[: max(0, len(answers) - MAX_ANSWERS + 1)]:
        shutil.rmtree(path, ignore_errors=True)


def regroup(request: Regrouping) -> Regrouped:
    """Make other groups, in a process of its own."""
    from scoring.corpora.regroup import regroup_corpus  # noqa: PLC0415 - the server must not load it
    from scoring.errors import CorpusError  # noqa: PLC0415

    folder = Path(request.folder)
    try:
        return Regrouped(regroup_corpus(folder, request.threshold, request.linkage))
    except CorpusError as error:
        return Regrouped(detail=str(error).replace(f"{folder}: ", "").replace(str(folder), "the corpus"))
    except OSError as error:
        return Regrouped(detail=f"duplicates: the groups could not be written: {error.strerror}")


if __name__ == "__main__":
    answer(Regrouping, regroup)
