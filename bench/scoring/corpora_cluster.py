"""A corpus on a Dask cluster of this machine: what a task costs, how large it should be, the whole beside one process.

    python -m bench corpora_cluster
    python -m bench corpora_cluster --documents 50000 --processes 4 --sides 8

Passages of news texts, d = 100, their 10 nearest neighbours. Processor time is that of all processes: the client with
the scheduler in it, and the workers.

    a task       an empty call of a worker, at 2 calls a thread
    side         of a task's square of tiles: the time of all tiles on the cluster / on one core without it
    whole        documents a second and the peak memory of each process; the answer is compared byte by byte
"""

import os

# Before NumPy is imported: its BLAS reads them once.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import argparse
import asyncio
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from bench.harness.command_line import bundle_path, parser
from bench.harness.documents import corpus
from bench.harness.processor_time import processor_time
from bench.harness.results import Figure, collect, save
from bench.scoring.passages import passages
from scoring.bundle.bundle import open_bundle, open_verified
from scoring.corpora.folder import end_stage, plan_of
from scoring.corpora.local import prepare
from scoring.corpora.options import CorpusOptions
from scoring.corpora.results import result_file
from scoring.corpora.steps import run_step
from scoring.pipeline import Scorer
from service.cluster.address import ClusterAddress
from service.cluster.connection import Cluster, connected
from service.cluster.scoring import run_plan
from service.cluster.stages import StageRunner

NEIGHBOURS = 10
EMPTY_CALLS = 1_000


@dataclass
class Run:
    """One run of a plan. stages: processor seconds by name; peaks: of each process in MB, this one first."""

    answer: bytes = b""
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    peaks: list[int] = field(default_factory=list)


def processes() -> list[int]:
    """Return this process and its children."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    others = [Path(f"/proc/self/task/{task.name}/children") for task in Path("/proc/self/task").iterdir()]
    found = {int(pid) for each in others for pid in each.read_text().split()} | set(map(int, children))
    return [os.getpid(), *sorted(found)]


def peak_mb(pid: int) -> int:
    """Return the most memory that a process has had resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) // 1024


def read_answer(folder: Path) -> bytes:
    """Return the lines of a finished corpus."""
    result = result_file(folder)
    return b"".join(result.read(0, result.size))


def run_here(bundle: Path, folder: Path) -> Run:
    """Do every step in this process, without a cluster."""
    run, scorer, began = Run(), Scorer(open_bundle(bundle)), time.perf_counter()
    for number, stage in enumerate(plan_of(folder).stages):
        before = time.process_time()
        for step in range(stage.count):
            run_step(folder, scorer, number, step)
        end_stage(folder, number)
        run.stages[stage.name] += time.process_time() - before
    run.seconds, run.answer = time.perf_counter() - began, read_answer(folder)
    run.peaks = [peak_mb(os.getpid())]
    return run


async def run_there(cluster: Cluster, bundle: Path, folder: Path, side: int) -> Run:
    """Do every step on the cluster."""
    run, began = Run(), time.perf_counter()
    pids = processes()
    last = processor_time(pids).ran

    def count(stage: str, done: int, total: int) -> None:
        nonlocal last
        if done == total:
            now = processor_time(pids).ran
            run.stages[stage.split(maxsplit=1)[0]] += now - last
            last = now

    files = open_verified(bundle)
    try:
        await run_plan(StageRunner(cluster, folder, files, side=side), folder, count)
    finally:
        files.close()
    run.seconds, run.answer = time.perf_counter() - began, read_answer(folder)
    run.peaks = [peak_mb(pid) for pid in pids]
    return run


async def empty_call_ms(cluster: Cluster) -> float:
    """Return the processor time of all processes that an empty call takes."""
    calls = iter(range(EMPTY_CALLS))

    async def lane() -> None:
        for _ in calls:
            await cluster.call(len, b"")

    pids = processes()
    before = processor_time(pids).ran
    await asyncio.gather(*[lane() for _ in range(2 * cluster.threads)])
    return (processor_time(pids).ran - before) / EMPTY_CALLS * 1e3


async def measure(options: argparse.Namespace, bundle: Path, texts: list[str]) -> list[Figure]:
    """Measure, print, and return the figures."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as path:

        def prepared(name: str) -> Path:
            named = ((None, text) for text in texts)
            prepare(bundle, named, Path(path) / name, CorpusOptions(neighbours=NEIGHBOURS))
            return Path(path) / name

        here = run_here(bundle, prepared("here"))
        print(
            f"one process: {here.seconds:.1f} s, {len(texts) / here.seconds:,.0f} documents/s, tiles "
            f"{here.stages['tiles']:.1f} s, peak {here.peaks[0]} MB; load average {load:.1f}",
            flush=True,
        )
        figures = []
        async with connected(ClusterAddress("", options.processes)) as cluster:
            call = await empty_call_ms(cluster)
            print(f"a task: {call:.2f} ms", flush=True)
            figures.append(Figure("task", "ms", "lower", [call]))
            for side in options.sides:
                run = await run_there(cluster, bundle, prepared(f"side-{side}"), side)
                ratio = run.stages["tiles"] / here.stages["tiles"]
                figures.append(Figure(f"side/{side}", "", "lower", [ratio]))
                print(
                    f"side {side}: {run.seconds:.1f} s, {len(texts) / run.seconds:,.0f} documents/s, tiles "
                    f"{run.stages['tiles']:.1f} s of processors, {ratio:.2f} of one process's; peak MB "
                    f"{' '.join(map(str, run.peaks))}; {'equal' if run.answer == here.answer else 'NOT EQUAL'}",
                    flush=True,
                )
    return figures


def main() -> None:
    """Measure, print, save."""
    options_parser = parser(__doc__, "bundle")
    options_parser.add_argument("--documents", type=int, default=50_000)
    options_parser.add_argument("--processes", type=int, default=4)
    options_parser.add_argument("--sides", type=int, nargs="+", default=(1, 2, 4, 8), metavar="N")
    options = options_parser.parse_args()
    texts = passages(corpus(), options.documents)
    figures = asyncio.run(measure(options, bundle_path(options.bundle), texts))
    print(save(collect("corpora_cluster", {"documents": options.documents}, figures)))


if __name__ == "__main__":
    main()
