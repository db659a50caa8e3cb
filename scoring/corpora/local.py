"""All steps of a plan on this machine, in this process or in several: what needs no server.

Nothing is synced: after a crash of the machine the corpus is begun again.
"""

from collections.abc import Iterable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Self

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from scoring.bundle.bundle import open_bundle
from scoring.corpora.documents import DocumentsWriter
from scoring.corpora.folder import base_of, begin, end_stage, plan_of
from scoring.corpora.options import CorpusOptions
from scoring.corpora.plan import Plan
from scoring.corpora.steps import run_step
from scoring.errors import CorpusError
from scoring.pipeline import Scorer
from scoring.progress import Progress, silent

Document = tuple[str | None, str]


def prepare(bundle: Path, documents: Iterable[Document], folder: Path, options: CorpusOptions) -> Plan:
    """Write the documents (name or None, text) of a corpus and its plan into a new folder, ready for the first step.

    The folder needs about 8·d + 12·m bytes a document, and the texts until they are embedded.

    Raises: ValueError, when options do not fit; CorpusError when there is no document; BundleError; OSError.
    """
    dimensions = open_bundle(bundle).manifest.dimensions
    base = None if options.against is None else base_of(Path(options.against))
    if base is None:
        writer = DocumentsWriter(folder)
    else:
        writer = DocumentsWriter(
            folder, first=base.documents, first_part=base.parts, generation=base.generation + 1
        )
    with writer:
        for name, text in documents:
            writer.add(name, text)
    written = writer.written
    if not written.documents:
        raise CorpusError("no document was given")
    plan = Plan.of(written.documents, dimensions, options, parts=written.parts, base=base)
    begin(folder, plan)
    return plan


def run_plan(bundle: Path, folder: Path, *, processes: int = 1, progress: Progress = silent) -> None:
    """Do all steps of a folder's plan; afterwards its results are there (`results.result_file`).

    Memory is a few blocks in each process and, where documents are compared, 32 bytes a document at one moment. One
    process uses as many threads for products as NumPy is set to, several use one each.

    Raises: CorpusError when a process died; BundleError; OSError, when the disk is full.
    """
    scorer = Scorer(open_bundle(bundle))
    with Workers(bundle, folder, processes if processes > 1 else 0) as workers:
        for number, stage in enumerate(plan_of(folder).stages):
            label = f"{stage.name} {stage.round + 1}" if stage.name in {"tiles", "merge"} else stage.name
            progress(label, 0, stage.count)
            alone = processes == 1 or stage.count == 1
            run = _run_here(folder, scorer, number) if alone else workers.run(number, stage.count)
            for done in run:
                progress(label, done, stage.count)
            end_stage(folder, number)


def _run_here(folder: Path, scorer: Scorer, number: int) -> Iterator[int]:
    for step in range(plan_of(folder).stages[number].count):
        run_step(folder, scorer, number, step)
        yield step + 1


class Workers:
    """Processes that do steps of one folder, each the next one that is left."""

    def __init__(self, bundle: Path, folder: Path, count: int) -> None:
        """Start `count` ≥ 0 processes."""
        context = get_context("spawn")
        self._next = context.Value("q", 0)
        self._workers: list[tuple[SpawnProcess, Connection]] = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(bundle, folder, self._next, theirs), daemon=True)
            process.start()
            theirs.close()
            self._workers.append((process, ours))

    def __enter__(self) -> Self:
        """Return the processes."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the processes; what they have written stays."""
        for process, pipe in self._workers:
            process.kill()
            process.join()
            pipe.close()

    def run(self, stage: int, count: int) -> Iterator[int]:
        """Do all steps of a stage; yield how many are done, now and then.

        Raises: what a step raised; CorpusError when a process died.
        """
        self._next.value = 0
        busy = {pipe for _, pipe in self._workers}
        done = 0
        try:
            for pipe in busy:
                pipe.send((stage, count))
            # A process that takes no more steps says so, as the next stage counts from 0 again.
            while busy:
                for pipe in busy.intersection(wait(list(busy))):
                    said = pipe.recv()
                    if isinstance(said, Exception):
                        raise said
                    done += said
                    busy -= set() if said else {pipe}
                yield done
        except (EOFError, BrokenPipeError) as error:
            raise CorpusError("a process that scored has died; is there enough memory?") from error


def _work(bundle: Path, folder: Path, next_step: Any, pipe: Connection) -> None:
    """For each stage that is received, take step after step; send 1 for each, 0 after the last, or what was raised."""
    try:
        with threadpool_limits(1):
            scorer = Scorer(open_bundle(bundle))
            while True:
                stage, count = pipe.recv()
                while (step := _take(next_step)) < count:
                    run_step(folder, scorer, stage, step)
                    pipe.send(1)
                pipe.send(0)
    except EOFError:
        return
    except Exception as error:
        pipe.send(error)


def _take(next_step: Any) -> int:
    with next_step.get_lock():
        step: int = next_step.value
        next_step.value += 1
    return step
