"""Scores a corpus on a Dask cluster whose members are killed meanwhile: `python -m tests.torture.cluster`.

Every run must end with the bytes of a run on one machine, each step of the plan kept exactly once.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from scoring.bundle.bundle import open_verified
from scoring.corpora.folder import begin, plan_of
from scoring.corpora.local import Document, prepare
from scoring.corpora.local import run_plan as run_here
from scoring.corpora.options import CorpusOptions
from scoring.corpora.results import result_file
from scoring.progress import Progress, silent
from scoring.training.demo import demo_documents
from service.cluster.address import ClusterAddress
from service.cluster.connection import connected
from service.cluster.scoring import run_plan
from service.cluster.stages import StageRunner
from tests.support.dask_cluster import DaskCluster, dask_cluster
from tests.support.demo_bundle import given_or_demo_bundle

BLOCK_DOCUMENTS = 256
# How long a lost cluster may take to come back: members are started again at once, on a busy machine.
PATIENCE_S = 120.0
# Within it a member has started, joined and taken tasks; the kills of one run come that far apart on average.
PAUSE_S = 1.5


class Kills(NamedTuple):
    """How many workers, and schedulers, are to be killed in all."""

    workers: int
    schedulers: int


class Outcome(NamedTuple):
    """What came of the runs. miscounted: steps that were lost, or kept twice."""

    runs: int
    wrong: int
    miscounted: int
    steps: int


def made_documents(count: int, seed: int = 1) -> list[Document]:
    """Return texts of pieces of the demonstration's, with copies and empty ones among them."""
    choice = random.Random(seed)
    words = [text.split() for text in demo_documents()]
    return [
        (
            f"d{number}",
            " ".join(choice.choice(words)[: choice.randint(0, 60)] + choice.choice(words)[: number % 40]),
        )
        for number in range(count)
    ]


def answer_of(folder: Path) -> bytes:
    """Return the lines of a finished corpus."""
    result = result_file(folder)
    return b"".join(result.read(0, result.size))


def prepare_small_blocks(bundle: Path, documents: list[Document], folder: Path) -> None:
    """Prepare a folder as `local.prepare` does, with blocks so small that there are many tiles."""
    plan = prepare(bundle, documents, folder, CorpusOptions())
    begin(folder, msgspec.structs.replace(plan, block_documents=BLOCK_DOCUMENTS))


def answer_here(bundle: Path, documents: list[Document], folder: Path) -> bytes:
    """Return the answer of one machine."""
    prepare_small_blocks(bundle, documents, folder)
    run_here(bundle, folder)
    return answer_of(folder)


async def answer_there(
    address: str, bundle: Path, documents: list[Document], folder: Path, report: Progress = silent
) -> tuple[bytes, int]:
    """Return the answer of a cluster, and how many steps were lost or kept twice."""
    prepare_small_blocks(bundle, documents, folder)
    counts: dict[str, int] = {}

    def count(stage: str, done: int, total: int) -> None:
        counts[stage] = done
        report(stage, done, total)

    files = open_verified(bundle)
    try:
        async with connected(ClusterAddress.parse(address), patience_s=PATIENCE_S) as cluster:
            await run_plan(StageRunner(cluster, folder, files), folder, count)
    finally:
        files.close()
    planned = [stage.count for stage in plan_of(folder).stages]
    return answer_of(folder), sum(
        abs(done - count) for done, count in zip(counts.values(), planned, strict=True)
    )


@contextmanager
def killing(cluster: DaskCluster, kills: Kills) -> Iterator[threading.Event]:
    """Kill members in random order meanwhile; the event is set when all kills are done."""
    choice = random.Random(3)
    victims = ["worker"] * kills.workers + ["scheduler"] * kills.schedulers
    choice.shuffle(victims)
    done, stop = threading.Event(), threading.Event()

    def kill() -> None:
        for victim in victims:
            if stop.wait(choice.uniform(0, 2 * PAUSE_S)):
                return
            if victim == "worker":
                cluster.kill_worker(choice)
            else:
                cluster.kill_scheduler()
        done.set()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


def torture(bundle: Path, documents: list[Document], workers: int, kills: Kills) -> Outcome:
    """Score the documents again and again until all kills are done, and compare each answer with one machine's."""
    runs = wrong = miscounted = steps = 0
    with tempfile.TemporaryDirectory(prefix="scorepool-") as path:
        here = Path(path) / "here"
        expected = answer_here(bundle, documents, here)
        planned = sum(stage.count for stage in plan_of(here).stages)
        with dask_cluster(workers, Path(path) / "workers") as cluster, killing(cluster, kills) as done:
            while not done.is_set() or not runs:
                folder = Path(path) / f"run-{runs}"
                answer, miscount = asyncio.run(answer_there(cluster.address, bundle, documents, folder))
                runs, steps = runs + 1, steps + planned
                wrong, miscounted = wrong + (answer != expected), miscounted + miscount
                print(
                    f"run {runs}: {'right' if answer == expected else 'WRONG'}, {miscount} steps miscounted",
                    flush=True,
                )
    return Outcome(runs, wrong, miscounted, steps)


def main() -> int:
    """Run it and print what came of it; return 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, help="default: a small demonstration bundle")
    parser.add_argument("--documents", type=int, default=40_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--worker-kills", type=int, default=50)
    parser.add_argument("--scheduler-kills", type=int, default=10)
    options = parser.parse_args()
    kills = Kills(options.worker_kills, options.scheduler_kills)
    with given_or_demo_bundle(options.bundle) as bundle:
        outcome = torture(bundle, made_documents(options.documents), options.workers, kills)
    print(
        f"{kills.workers} kills of workers, {kills.schedulers} of the scheduler, in {outcome.runs} runs of "
        f"{options.documents} documents, {outcome.steps} steps: {outcome.wrong} wrong answers, "
        f"{outcome.miscounted} steps lost or kept twice"
    )
    return 1 if outcome.wrong or outcome.miscounted else 0


if __name__ == "__main__":
    sys.exit(main())
