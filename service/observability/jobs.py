"""What is counted and logged of jobs: their states, and the steps that are done."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from service.observability.log import ServiceLog
from service.observability.prometheus import Counter, format_labels, gauge

# The stages of a job, in their order; as in `scoring.corpora.plan`.
STAGES = ("embed", "arrange", "blocks", "tiles", "merge", "settle", "pairs", "groups", "result")


class JobFacts(Protocol):
    """What is logged of a job: see `service.jobs.record`."""

    @property
    def id(self) -> str:
        """Return its id."""

    @property
    def subject(self) -> str:
        """Return whose it is."""

    @property
    def state(self) -> str:
        """Return its state."""

    @property
    def reason(self) -> str:
        """Return why it is in it, or nothing."""

    @property
    def digest(self) -> str:
        """Return that of the model that it was begun with."""

    @property
    def steps_done(self) -> int:
        """Return how many steps are done."""


class JobTelemetry:
    """Counts and logs the events of jobs; belongs to the event loop's thread."""

    def __init__(self, log: ServiceLog) -> None:
        self._log = log
        self._steps = Counter("scorepool_job_steps_total", "Steps of jobs that are done.", "stage", STAGES)

    def job_changed(self, record: JobFacts) -> None:
        """Note that a job is in another state."""
        self._log.job_changed(record.id, record.subject, record.state, record.reason, record.steps_done)

    def job_begun_anew(self, record: JobFacts) -> None:
        """Note that another model is served than the one that a job's documents were being embedded with."""
        self._log.job_begun_anew(record.id, record.digest)

    def steps_counted(self, stage: str, steps: int) -> None:
        """Note that so many steps of a stage are done and on disk."""
        self._steps.add(stage, steps)

    def families(self, states: Mapping[str, int]) -> Iterator[str]:
        """Write the metrics; `states`: how many jobs are in each."""
        yield self._steps.text()
        values = {format_labels({"state": state}): number for state, number in states.items()}
        yield gauge("scorepool_jobs", "Jobs by state.", values)
