"""Builds the jobs of a server from its settings."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from time import time
from typing import Protocol

from service.api.scorer import Served
from service.errors import StartError
from service.jobs.apart import Processes
from service.jobs.cluster_stages import ClusterStages
from service.jobs.corpus_engine import CorpusEngine
from service.jobs.engine import ServedModel
from service.jobs.jobs import Jobs
from service.jobs.limits import JobLimits
from service.jobs.long_steps import LongSteps
from service.jobs.registry import JobObserver, Registry
from service.jobs.run import RunContext
from service.jobs.state_folder import StateFolder
from service.jobs.step_calls import StepQueue
from service.jobs.store import Store
from service.settings import Settings

# Steps of a job that are handed out at once, for each worker: one that runs, and one that waits for the slot.
HANDS = 2


class Model(Protocol):
    """What is served."""

    @property
    def info(self) -> Served:
        """Return it as it is now."""


class JobMetrics(JobObserver, Protocol):
    """Observes jobs, and reports what it has counted."""

    def families(self, states: Mapping[str, int]) -> Iterator[str]:
        """Write the metrics; `states`: how many jobs are in each."""


def open_jobs(
    settings: Settings,
    queue: StepQueue,
    model: Model,
    observer: JobMetrics,
    register: Callable[[Callable[[], Iterator[str]]], None],
) -> Jobs | None:
    """Return the jobs of `state_dir`, not started yet; None without it, or where documents are not what is scored.

    `register` is given what writes the metrics. Raises: StartError when the folder cannot be used.
    """
    if settings.state_dir is None or model.info.model is None:
        return None
    folder = StateFolder(settings.state_dir.absolute(), settings.state_reserve_bytes)
    registry = Registry(Store(folder.database), observer)
    engine = CorpusEngine(folder.jobs, settings.max_job_pairs)
    processes = Processes(settings.worker_memory_bytes)
    context = RunContext(
        registry=registry,
        folder=folder,
        engine=engine,
        queue=queue,
        # Of their own: a corpus that is sent is not to wait for the minutes that a step may take.
        long_steps=LongSteps(Processes(settings.worker_memory_bytes)),
        model=partial(_served, model),
        hands=HANDS * settings.workers,
        now=time,
        cluster=_cluster(settings),
    )
    jobs = Jobs(context, processes, _limits(settings))
    register(lambda: observer.families(jobs.counts()))
    return jobs


def _cluster(settings: Settings) -> ClusterStages | None:
    """Return what works with the cluster, None without one. Raises: StartError when Dask is not installed."""
    if settings.cluster is None or settings.bundle is None:
        return None
    if find_spec("distributed") is None:
        raise StartError("cluster: needs Dask; install it: pip install scorepool[cluster]")
    return ClusterStages(settings.cluster, settings.bundle.absolute())


def _limits(settings: Settings) -> JobLimits:
    return JobLimits(
        upload_bytes=settings.max_upload_bytes,
        text_bytes=settings.max_corpus_bytes,
        documents=settings.max_corpus_documents,
        document_bytes=settings.max_document_bytes,
        pairs=settings.max_job_pairs,
        jobs=settings.max_jobs,
        subject_bytes=settings.jobs_bytes,
        retention_s=settings.job_retention_s,
    )


def _served(model: Model) -> ServedModel:
    served = model.info.model
    assert served is not None
    return ServedModel(served.digest, served.dimensions)
