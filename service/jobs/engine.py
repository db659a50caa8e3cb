"""What jobs need of the engine that does their work, `scoring.corpora`.

The server plans and looks after files; the steps themselves run in workers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from service.api.job import Findings, JobOptions
from service.api.step import StepDone


@dataclass(frozen=True, slots=True)
class Stage:
    """Steps that do not depend on each other; the next stage begins when all are done.

    long: they take seconds, need no model, and are done by a process of their own at low priority.
    """

    name: str
    count: int
    long: bool = False

    @property
    def embeds(self) -> bool:
        """Whether its steps need the model."""
        return self.name == "embed"

    @property
    def compares(self) -> bool:
        """Whether its steps compare documents: they are the tiles that clients are told of."""
        return self.name in {"blocks", "tiles"}


class Work(NamedTuple):
    """All stages of a job, in order. fingerprint: of everything that the meaning of a step's number depends on."""

    stages: tuple[Stage, ...]
    fingerprint: str

    @property
    def steps(self) -> int:
        """The steps of all stages."""
        return sum(stage.count for stage in self.stages)

    @property
    def tiles(self) -> int:
        """The steps that compare documents."""
        return sum(stage.count for stage in self.stages if stage.compares)

    def done_before(self, stage: int) -> tuple[int, int]:
        """Return how many steps, and how many tiles of them, are in the stages before one."""
        before = Work(self.stages[:stage], "")
        return before.steps, before.tiles


class ServedModel(NamedTuple):
    """The model that is served: the digest that its workers have, and the dimensions of its vectors."""

    digest: str
    dimensions: int


class Sizes(NamedTuple):
    """What a job's work follows from, besides its options. parts: files of texts. dimensions: of vectors."""

    documents: int
    parts: int
    dimensions: int


ResultPart = Literal["documents", "pairs", "vectors"]


class ResultFile(Protocol):
    """A result as one run of bytes. digest: equal for equal bytes."""

    @property
    def digest(self) -> str:
        """Return it."""

    @property
    def size(self) -> int:
        """Return the number of bytes."""

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield some of them, in pieces; blocks."""


class Base(NamedTuple):
    """Where the documents of a job begin that is compared with another: at 0 of all where it is not.

    generation: how many jobs have added to each other before.
    """

    documents: int
    parts: int
    generation: int


class Engine(Protocol):
    """Plans jobs, and knows the files in their folders. Every method blocks."""

    def plan(self, sizes: Sizes, options: JobOptions) -> Work:
        """Return the stages of a job. Raises: ScoringError, ValueError in one sentence when it cannot be done."""

    def base(self, folder: Path) -> Base:
        """Return where documents begin that are compared with a job that is done. Raises: ValueError."""

    def begin(self, folder: Path, sizes: Sizes, options: JobOptions) -> None:
        """Have a folder with texts ready for the first step, without what was made of them before. Raises: OSError."""

    def done_steps(self, folder: Path, stage: int) -> set[int]:
        """Return the steps of a stage whose records are whole."""

    def sync(self, folder: Path, outputs: Sequence[StepDone]) -> None:
        """Have these records on disk. Raises: OSError."""

    def end_stage(self, folder: Path, stage: int) -> None:
        """Delete what no later stage needs, once this one is counted."""

    def found(self, folder: Path) -> Findings:
        """Return what was found in a job whose steps are done."""

    def result(self, folder: Path, part: ResultPart, answer: str = "") -> ResultFile:
        """Return a part of the result of a job that is done; `answer`: one that was made later, by its name.

        Raises: ValueError when it has none of that kind.
        """
