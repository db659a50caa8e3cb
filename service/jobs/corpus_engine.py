"""The engine of `scoring.corpora`, as jobs need it."""

import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from scoring.corpora import folder as corpus
from scoring.corpora.options import CorpusOptions
from scoring.corpora.plan import Plan
from scoring.corpora.records import StepOutput, sync
from scoring.corpora.results import result_file, summary
from scoring.errors import CorpusError
from service.api.job import Findings, JobOptions
from service.api.step import StepDone
from service.jobs.engine import Base, ResultFile, ResultPart, Sizes, Stage, Work

# The stage that computes vectors: the only one that needs the model, and whose records are of no use to another.
EMBED = "embed"


class CorpusEngine:
    """Plans jobs, and looks after the files in the folders below `jobs`. max_pairs: kept of a job."""

    def __init__(self, jobs: Path, max_pairs: int) -> None:
        self._jobs = jobs
        self._max_pairs = max_pairs

    def plan(self, sizes: Sizes, options: JobOptions) -> Work:
        """Return the stages of a job. Raises: CorpusError, ValueError."""
        plan = self._plan(sizes, options)
        stages = tuple(Stage(stage.name, stage.count, stage.long) for stage in plan.stages)
        return Work(stages, sha256(msgspec.json.encode([plan, plan.stages])).hexdigest())

    def base(self, folder: Path) -> Base:
        """Return where documents begin that are compared with a job that is done. Raises: ValueError."""
        try:
            found = corpus.base_of(folder)
        except CorpusError as error:
            raise ValueError(without(folder, error)) from error
        return Base(found.documents, found.parts, found.generation + 1)

    def begin(self, folder: Path, sizes: Sizes, options: JobOptions) -> None:
        """Have a folder with texts ready for the first step, without what was made of them before."""
        shutil.rmtree(folder / EMBED, ignore_errors=True)
        corpus.begin(folder, self._plan(sizes, options))

    def done_steps(self, folder: Path, stage: int) -> set[int]:
        """Return the steps of a stage whose records are whole."""
        return set(corpus.done_steps(folder, stage))

    def sync(self, folder: Path, outputs: Sequence[StepDone]) -> None:
        """Have these records on disk. Raises: OSError."""
        sync(folder, [StepOutput(output.segment, output.offset, output.length) for output in outputs])

    def end_stage(self, folder: Path, stage: int) -> None:
        """Delete what no later stage needs, once this one is counted."""
        corpus.end_stage(folder, stage)

    def found(self, folder: Path) -> Findings:
        """Return what was found in a job whose steps are done."""
        return msgspec.convert(summary(folder), Findings, from_attributes=True)

    def result(self, folder: Path, part: ResultPart, answer: str = "") -> ResultFile:
        """Return a part of the result of a job that is done. Raises: ValueError when it has none of that kind."""
        try:
            return result_file(folder, part, answer)
        except CorpusError as error:
            raise ValueError(without(folder, error)) from error

    def _plan(self, sizes: Sizes, options: JobOptions) -> Plan:
        against = None if options.against is None else self._jobs / options.against
        asked = CorpusOptions(
            similarity=options.similarity,
            neighbours=options.neighbours,
            threshold=options.threshold,
            max_pairs=self._max_pairs,
            vectors=options.vectors,
            duplicates=options.duplicates,
            linkage=options.linkage,
            against=None if against is None else str(against),
            append=options.append,
            new=options.new,
        )
        base = None if against is None else corpus.base_of(against)
        return Plan.of(sizes.documents, sizes.dimensions, asked, parts=sizes.parts, base=base)


def without(folder: Path, error: CorpusError) -> str:
    """Return what is wrong with a corpus, without where it is on the server."""
    return str(error).replace(f"{folder}: ", "").replace(str(folder), "the corpus")
