"""Corpora on a Dask cluster of real processes: the answer of one machine, whatever dies; faults in one sentence."""

import asyncio
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scoring.bundle.bundle import open_bundle
from scoring.corpora.folder import plan_of
from scoring.corpora.steps import run_step
from scoring.pipeline import Scorer
from service.cluster.address import ClusterAddress
from service.cluster.connection import connected
from service.cluster.errors import ClusterError, VersionError, WorkerGoneError
from service.cluster.versions import run_checked, versions
from service.jobs.cluster_stages import STAGES, ClusterStages
from service.jobs.errors import StorageError
from tests.support.cli import CORPUS, scorepool
from tests.support.dask_cluster import DaskCluster, dask_cluster
from tests.torture.cluster import answer_here, answer_of, answer_there, made_documents, prepare_small_blocks


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Two workers of one thread."""
    with dask_cluster(2, tmp_path_factory.mktemp("workers")) as running:
        yield running


def test_members_that_die_at_any_stage_cost_no_step_and_no_bit(
    cluster: DaskCluster, demo_bundle: Path, tmp_path: Path
) -> None:
    """The bundle's folder is gone once it is opened, so workers are sent it, those that come later, too."""
    documents = made_documents(3_000)
    expected = answer_here(demo_bundle, documents, tmp_path / "here")
    bundle = shutil.copytree(demo_bundle, tmp_path / "bundle")
    choice, killed = random.Random(1), []

    def kill(stage: str, done: int, total: int) -> None:
        shutil.rmtree(bundle, ignore_errors=True)
        if done > total // 2 and stage not in killed:
            killed.append(stage)
            if stage == "tiles 2":
                cluster.kill_scheduler()
            elif stage in {"embed", "tiles 1"}:
                cluster.kill_worker(choice)

    there = answer_there(cluster.address, bundle, documents, tmp_path / "there", kill)
    answer, miscounted = asyncio.run(there)

    assert answer == expected
    assert miscounted == 0
    assert {"embed", "tiles 1", "tiles 2"} <= set(killed)
    assert list(cluster.folder.rglob("scorepool-bundles/*/manifest.json"))


def test_the_stages_of_a_job_are_done_by_a_process_that_works_with_the_cluster(
    cluster: DaskCluster, demo_bundle: Path, tmp_path: Path
) -> None:
    """It skips what was counted before, and says where each record is."""
    documents = made_documents(1_000)
    expected = answer_here(demo_bundle, documents, tmp_path / "here")
    folder = tmp_path / "there"
    prepare_small_blocks(demo_bundle, documents, folder)
    stages = ClusterStages(cluster.address, demo_bundle)
    digest, scorer = open_bundle(demo_bundle).digest, Scorer(open_bundle(demo_bundle))
    kept: list[int] = []

    async def carry_out(number: int) -> None:
        await stages.run((folder, number, digest), {0}, lambda step, _: kept.append(step), lambda: False)

    for number, stage in enumerate(plan_of(folder).stages):
        for step in range(1 if stage.name in STAGES else stage.count):
            run_step(folder, scorer, number, step)
        if stage.name in STAGES:
            asyncio.run(carry_out(number))
            assert sorted(kept) == list(range(1, stage.count))
            kept.clear()

    assert answer_of(folder) == expected


def test_a_job_waits_for_a_cluster_that_is_not_there(demo_bundle: Path, tmp_path: Path) -> None:
    """What is no address can become one by no waiting, and says so all the same."""
    prepare_small_blocks(demo_bundle, made_documents(10), tmp_path / "corpus")
    work = (tmp_path / "corpus", 0, open_bundle(demo_bundle).digest)

    with pytest.raises(StorageError, match="'nowhere' is no address"):
        asyncio.run(ClusterStages("nowhere", demo_bundle).run(work, (), lambda *_: None, lambda: False))


def test_the_command_gives_the_bytes_of_one_machine(demo_bundle: Path, tmp_path: Path) -> None:
    """`local:N` starts a cluster here and ends it."""
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"

    assert scorepool("score", "--bundle", demo_bundle, "--output", here, CORPUS).output == ""
    result = scorepool("score", "--bundle", demo_bundle, "--cluster", "local:1", "--output", there, CORPUS)

    assert result.output == ""
    assert there.read_bytes() == here.read_bytes()


@pytest.mark.parametrize(
    "address", ["", "local:0", "local:", "scheduler:8786", "http://a:1", "tcp://a", "tcp://a:b"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    """The sentence has the value and what would be right."""
    with pytest.raises(ClusterError, match="is no address; give tcp://HOST:PORT"):
        ClusterAddress.parse(address)


def test_a_cluster_that_is_not_there_is_one_sentence() -> None:
    """Nothing listens on this port."""

    async def connect() -> None:
        async with connected(ClusterAddress.parse("tcp://127.0.0.1:9"), connect_s=0.2):
            pass

    with pytest.raises(ClusterError, match=r"^tcp://127.0.0.1:9: no Dask scheduler answers there: .*$"):
        asyncio.run(connect())


def test_a_worker_of_other_versions_does_nothing() -> None:
    """A result has the same bits wherever it is computed, so what it depends on has to be the same."""
    wanted = {**versions(), "numpy": "1.0"}

    with pytest.raises(VersionError, match=f"numpy is {versions()['numpy']} there and 1.0 here"):
        run_checked(wanted, len, "never")


def test_a_call_for_one_worker_ends_with_it(cluster: DaskCluster) -> None:
    """Dask itself waits for a worker of that address for ever."""

    async def call() -> None:
        async with connected(ClusterAddress.parse(cluster.address), connect_s=30) as client:
            await client.call(len, b"", worker="tcp://127.0.0.1:9")

    with pytest.raises(WorkerGoneError, match=r"the worker tcp://127\.0\.0\.1:9 has died"):
        asyncio.run(call())
