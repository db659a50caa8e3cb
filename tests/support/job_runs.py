"""Runs of jobs without workers: an engine whose steps are numbers in a file, and a queue that does them at once."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from service.api.job import Findings, JobOptions
from service.api.outcome import Outcome
from service.api.step import StepDone, StepRefused, StepReply, StepRequest
from service.jobs.apart import Processes
from service.jobs.engine import Base, ResultFile, ResultPart, ServedModel, Sizes, Stage, Work
from service.jobs.long_steps import LongSteps
from service.jobs.record import JobRecord
from service.jobs.registry import Registry
from service.jobs.run import RunContext
from service.jobs.state_folder import StateFolder
from service.jobs.states import State
from service.jobs.store import Store
from service.scheduling.events import End, Finish
from service.scheduling.job import Job

STAGES = (Stage("embed", 7), Stage("tiles", 12), Stage("result", 3))

# What one step of a job ends with: a reply of the worker, or an end without one.
StepEnd = StepReply | End


class ScriptedEngine:
    """Writes nothing but the numbers of steps: `<stage>` in a job's folder has a line for each step that was done."""

    def __init__(self) -> None:
        self.stages: tuple[Stage, ...] = STAGES
        self.begun = 0
        self.ended: list[int] = []
        # Steps that a disk has lost after they were counted.
        self.lost: set[int] = set()
        self.sync_fault: OSError | None = None

    def plan(self, sizes: Sizes, options: JobOptions) -> Work:
        """Return the same stages for every job."""
        return Work(self.stages, f"{sizes} {self.stages}")

    def base(self, folder: Path) -> Base:
        """Return where a job begins that is compared with none."""
        return Base(0, 0, 0)

    def begin(self, folder: Path, sizes: Sizes, options: JobOptions) -> None:
        """Count it, and forget all steps."""
        self.begun += 1
        for path in folder.iterdir():
            path.unlink()

    def done_steps(self, folder: Path, stage: int) -> set[int]:
        """Return the steps that were done and not lost."""
        return set(done(folder, stage)) - self.lost

    def sync(self, folder: Path, outputs: Sequence[StepDone]) -> None:
        """Do nothing, or fail."""
        if self.sync_fault is not None:
            raise self.sync_fault

    def end_stage(self, folder: Path, stage: int) -> None:
        """Note it."""
        self.ended.append(stage)

    def found(self, folder: Path) -> Findings:
        """Return the documents alone."""
        return Findings(70)

    def result(self, folder: Path, part: ResultPart, answer: str = "") -> ResultFile:
        """Return no result."""
        raise ValueError("a scripted engine has no result")


class ScriptedQueue:
    """Does steps at once, unless `script` says how a step ends instead."""

    def __init__(self) -> None:
        self.script: Callable[[StepRequest], StepEnd | None] = lambda _: None
        self.requests: list[StepRequest] = []
        self.running = 0
        self.most = 0
        self.held: asyncio.Event | None = None

    async def run_step(self, step: Job) -> Finish:
        """Do a step."""
        request = msgspec.json.decode(step.body, type=StepRequest)
        self.requests.append(request)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await (asyncio.sleep(0) if self.held is None else self.held.wait())
        finally:
            self.running -= 1
        end = self.script(request)
        if isinstance(end, End):
            return Finish(step, end, Outcome("internal_error", b"") if end is End.ANSWERED else None)
        if end is None:
            with (Path(request.folder) / str(request.stage)).open("a") as file:
                file.write(f"{request.step}\n")
            end = StepDone("", 0, 0)
        return Finish(step, End.ANSWERED, Outcome("ok", msgspec.json.encode(end)))


@dataclass
class RecordedEvents:
    """What jobs have reported."""

    states: list[str] = field(default_factory=list)
    anew: int = 0
    steps: int = 0

    def job_changed(self, record: JobRecord) -> None:
        """Note a state."""
        self.states.append(record.state)

    def job_begun_anew(self, record: JobRecord) -> None:
        """Count it."""
        self.anew += 1

    def steps_counted(self, stage: str, steps: int) -> None:
        """Count steps."""
        self.steps += steps


class Workshop:
    """Everything that runs of jobs need, in one folder; another of the same folder goes on where this one was."""

    def __init__(self, path: Path, *, hands: int = 4) -> None:
        self.folder = StateFolder(path)
        self.engine = ScriptedEngine()
        self.queue = ScriptedQueue()
        self.events = RecordedEvents()
        self.store = Store(self.folder.database)
        self.registry = Registry(self.store, self.events)
        self.model = ServedModel("sha256:a", 3)
        self.now = 1e9
        self.context = RunContext(
            registry=self.registry,
            folder=self.folder,
            engine=self.engine,
            queue=self.queue,
            long_steps=LongSteps(Processes(1)),
            model=lambda: self.model,
            hands=hands,
            now=lambda: self.now,
            retry_s=0.0,
        )

    async def add(self, name: str = "job", subject: str = "ann", **options: object) -> JobRecord:
        """Add a job that waits."""
        self.folder.job(name).mkdir()
        chosen = msgspec.convert(options, JobOptions)
        record = JobRecord(
            id=name, subject=subject, options=chosen, created=0.0, state=State.QUEUED, documents=70
        )
        return await self.registry.add(record)

    def close(self) -> None:
        """Leave the folder to another."""
        self.store.close()
        self.folder.close()


def done(folder: Path, stage: int) -> Iterator[int]:
    """Yield the steps of a stage that were done, as often as they were."""
    path = folder / str(stage)
    if path.exists():
        yield from map(int, path.read_text().split())


def refused(fault: str) -> StepRefused:
    """Return a worker's refusal."""
    return StepRefused(fault, "a sentence")
