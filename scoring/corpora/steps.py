"""One step of a plan: files in, arrays, files out. It runs in any process that has the folder.

`python -m scoring.corpora.steps FOLDER STAGE STEP` runs one that needs no scorer (`Stage.long`).
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.corpora.documents import read_texts
from scoring.corpora.folder import first_step, plan_of, records_of
from scoring.corpora.plan import Plan, Stage
from scoring.corpora.records import StepOutput, pack
from scoring.pipeline import Scorer


def run_step(folder: Path, scorer: Scorer | None, stage: int, step: int) -> StepOutput:
    """Do one step and return where its record is; it is not synced. Repeated, it gives the same record.

    stage, step: positions in `Plan.stages`, and in 0 … count − 1. scorer: needed for the stage `embed` alone.
    Raises: OSError, when the disk is full; CorpusError, when a file of an earlier stage is missing or damaged.
    """
    plan = plan_of(folder)
    found = plan.stages[stage]
    number = first_step(plan, found) + step
    arrays = _run(folder, plan, found, number, scorer)
    segment = (0 if plan.base is None else plan.base.generation + 1) << 32 | os.getpid()
    return records_of(folder, found).append(segment, number, pack(arrays))


def _run(
    folder: Path, plan: Plan, stage: Stage, number: int, scorer: Scorer | None
) -> dict[str, NDArray[Any]]:
    if stage.name == "embed":
        assert scorer is not None
        return _embed(folder, scorer, number)
    raise NotImplementedError(stage.name)


def _embed(folder: Path, scorer: Scorer, part: int) -> dict[str, NDArray[Any]]:
    first, texts = read_texts(folder, part)
    clustered = scorer.cluster(scorer.embed(texts))
    embedded, assignment = clustered.embedded, clustered.assignment
    arrays = {
        "first": np.array([first]),
        "doc_vectors": embedded.doc_vectors,
        "tokens": embedded.tokens,
        "known": embedded.known,
        "present": embedded.present,
        "labels": assignment.labels,
        "distance": assignment.distance,
        "margin": assignment.margin,
    }
    return arrays if clustered.outlier is None else arrays | {"outlier": clustered.outlier}
