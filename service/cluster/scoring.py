"""A whole corpus on a cluster, as `scoring.corpora.local` has it on one machine: the results are in its folder then."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from scoring.bundle.bundle import open_verified
from scoring.bundle.files import BundleFiles
from scoring.corpora.folder import end_stage, plan_of
from scoring.corpora.plan import Stage
from scoring.corpora.steps import run_step
from scoring.progress import Progress
from service.cluster.address import ClusterAddress
from service.cluster.connection import connected
from service.cluster.stages import STAGES, StageRunner


def score_on_cluster(
    address: str, bundle: Path, folder: Path, prepare: Callable[[], object], report: Progress
) -> None:
    """Do all steps of the plan that `prepare`, called once the cluster answers, puts into `folder` (`local.prepare`).

    Memory here is that of the tasks that are out. Raises: ClusterError, BundleError, CorpusError, OSError, and what
    `prepare` raises.
    """
    where = ClusterAddress.parse(address)
    files = open_verified(bundle, report)
    try:
        asyncio.run(_score(where, files, folder, prepare, report))
    finally:
        files.close()


async def _score(
    where: ClusterAddress, files: BundleFiles, folder: Path, prepare: Callable[[], object], report: Progress
) -> None:
    async with connected(where) as cluster:
        await asyncio.to_thread(prepare)
        await run_plan(StageRunner(cluster, folder, files), folder, report)


async def run_plan(runner: StageRunner, folder: Path, report: Progress) -> None:
    """Do all steps of a folder's plan, those of `STAGES` on the cluster. Raises: as `score_on_cluster`."""
    for number, stage in enumerate(plan_of(folder).stages):
        steps = _Steps(stage, report)
        if stage.name in STAGES:
            await runner.run(number, (), lambda *_, steps=steps: steps.count())
        else:
            for step in range(stage.count):
                await asyncio.to_thread(run_step, folder, None, number, step)
                steps.count()
        await asyncio.to_thread(end_stage, folder, number)


class _Steps:
    """Counts the steps of a stage for a progress bar."""

    def __init__(self, stage: Stage, report: Progress) -> None:
        self._label = f"{stage.name} {stage.round + 1}" if stage.name in {"tiles", "merge"} else stage.name
        self._done, self._total, self._report = 0, stage.count, report
        report(self._label, 0, stage.count)

    def count(self) -> None:
        """Count one."""
        self._done += 1
        self._report(self._label, self._done, self._total)
