"""One step of a durable job, in a worker or a process of its own: what goes wrong with its files is data."""

import errno
from pathlib import Path

from scoring.corpora.steps import run_step
from scoring.errors import CorpusError
from scoring.pipeline import Scorer
from service.api.step import StepDone, StepRefused

# What says that there is no room: of the disk, or of a quota on it.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def run_corpus_step(folder: Path, scorer: Scorer | None, stage: int, step: int) -> StepDone | StepRefused:
    """Do a step of the corpus in `folder`. `scorer`: for the stages that need the model."""
    try:
        output = run_step(folder, scorer, stage, step)
    except FileNotFoundError as error:
        return StepRefused("gone", f"state_dir: {error.strerror}")
    except OSError as error:
        return StepRefused("full" if error.errno in _FULL else "unreadable", f"state_dir: {error.strerror}")
    except CorpusError as error:
        return StepRefused("damaged", str(error).replace(str(folder), "the corpus"))
    return StepDone(output.segment, output.offset, output.length)
