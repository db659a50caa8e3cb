"""The folder of a corpus: its plan, and where the records of its stages are.

    plan.json                   `Plan`
    texts/, names-…             `documents`
    embed/, arrange/, blocks/   records of these stages; what later work compares with
    tiles-<r>/, merge-<r>/, …   records of the others; discarded when they are not needed any more

A driver begins a folder, has the steps of each stage done (`steps.run_step`), syncs their outputs, counts them, and
ends each stage. After a crash it goes on with the steps that it has not counted.
"""

import os
import shutil
from pathlib import Path

import msgspec

from scoring.corpora.documents import discard_texts, link_names
from scoring.corpora.plan import Base, Plan, Stage
from scoring.corpora.records import Records
from scoring.errors import CorpusError

_PLAN = "plan.json"
# What a corpus that is added to needs of the one before: hard links, as these files are never changed in place.
_LINKED = ("embed", "blocks")


def begin(folder: Path, plan: Plan) -> None:
    """Make a folder whose documents are written ready for the first step, durably; it may be repeated.

    With `append` it gets hard links to what it needs of the finished corpus, which may be removed once this one
    is finished too. Raises: OSError; CorpusError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if plan.options.append:
        assert plan.options.against is not None
        _link(Path(plan.options.against), folder, plan)
    draft = folder / f".{_PLAN}"
    with draft.open("wb") as file:
        file.write(msgspec.json.encode(plan))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(folder / _PLAN)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link(source: Path, folder: Path, plan: Plan) -> None:
    assert plan.base is not None
    link_names(source, folder)
    for name, count in zip(_LINKED, (plan.base.parts, plan.base.blocks), strict=True):
        (folder / name).mkdir(exist_ok=True)
        for path in (source / name).glob("*.records"):
            if not (folder / name / path.name).exists():
                os.link(path, folder / name / path.name)
        before, records = Records(source / name), Records(folder / name)
        for step in range(count):
            records.point(step, *before.entry(step))


def plan_of(folder: Path) -> Plan:
    """Return the plan of a folder. Raises: CorpusError when it has none."""
    try:
        return msgspec.json.decode((folder / _PLAN).read_bytes(), type=Plan)
    except FileNotFoundError as error:
        raise CorpusError(f"{folder}: is no corpus; it has no {_PLAN}") from error
    except msgspec.DecodeError as error:
        raise CorpusError(f"{folder / _PLAN}: is damaged: {error}") from error


def base_of(folder: Path) -> Base:
    """Return the sizes of a finished corpus, for the plan of one that is compared with it. Raises: CorpusError."""
    plan = plan_of(folder)
    if plan.base is not None and not plan.options.append:
        raise CorpusError(
            f"{folder}: was compared with another corpus and not added to it; compare with that one"
        )
    if not plan.options.compares:
        raise CorpusError(
            f"{folder}: its documents were not compared (similarity none), so none can be compared"
        )
    kept_from = None
    if plan.options.pairs_from is not None:
        kept_from = float(Records(folder / "pairs").select(0, "kept_from")[0][0])
    return Base(
        documents=plan.first_document + plan.documents,
        parts=plan.first_part + plan.parts,
        blocks=plan.blocks,
        block_documents=plan.block_documents,
        dimensions=plan.dimensions,
        generation=0 if plan.base is None else plan.base.generation + 1,
        neighbours=plan.options.neighbours if plan.options.similarity == "neighbours" else 0,
        pairs_from=kept_from,
    )


def records_of(folder: Path, stage: Stage) -> Records:
    """Return the records of a stage."""
    numbered = stage.name in {"tiles", "merge"}
    return Records(folder / (f"{stage.name}-{stage.round}" if numbered else stage.name))


def first_step(plan: Plan, stage: Stage) -> int:
    """Return the number in the records of a stage's step 0: those of parts and blocks go on from the base's."""
    if stage.name == "embed":
        return plan.first_part
    return plan.first_block if stage.name in {"blocks", "merge"} else 0


def done_steps(folder: Path, stage: int) -> list[int]:
    """Return the steps of a stage whose records are whole on disk, counted or not. It reads all of them."""
    plan = plan_of(folder)
    found = plan.stages[stage]
    first = first_step(plan, found)
    done = records_of(folder, found).done(range(first, first + found.count))
    return [step - first for step in done]


def end_stage(folder: Path, stage: int) -> None:
    """Remove the files that are not needed any more when all steps of a stage are durable; it may be repeated."""
    plan = plan_of(folder)
    for name in _needless(plan, stage):
        shutil.rmtree(folder / name, ignore_errors=True)
    if plan.stages[stage].name == "embed":
        discard_texts(folder)


def _needless(plan: Plan, number: int) -> list[str]:
    stage = plan.stages[number]
    keep_tiles = plan.options.append or any(later.name == "pairs" for later in plan.stages)
    if stage.name == "merge":
        superseded = [f"merge-{stage.round - 1}"] if stage.round else []
        return superseded if keep_tiles else [*superseded, f"tiles-{stage.round}"]
    compared = number + 1 == len(plan.stages) or plan.stages[number + 1].name not in {
        "tiles",
        "merge",
        "settle",
        "pairs",
    }
    return [f"tiles-{round_}" for round_ in range(len(plan.rounds))] if compared else []
