"""Other groups of near-duplicates of a finished corpus, from the pairs that it keeps: nothing is compared again.

    <folder>/groups-<threshold>-<linkage>/    an answer of its own: its groups and the lines of its documents

`python -m scoring.corpora.regroup FOLDER THRESHOLD LINKAGE` makes one; it takes seconds, in a process of its own.
"""

import os
import shutil
import sys
from pathlib import Path

import msgspec
import numpy as np

from scoring.corpora.answer_lines import document_lines
from scoring.corpora.corpus import Corpus
from scoring.corpora.long_steps import regroup
from scoring.corpora.options import Linkage
from scoring.corpora.records import Records, pack, sync
from scoring.errors import CorpusError


def answer_name(threshold: float, linkage: Linkage) -> str:
    """Return the name of the folder of such groups, for `results.result_file`."""
    return f"groups-{np.float32(threshold)}-{linkage}"


def regroup_corpus(folder: Path, threshold: float, linkage: Linkage) -> str:
    """Make the answer with such groups, if it is not there yet, durably; return its name.

    Raises: CorpusError when the corpus keeps no pairs, or not all from `threshold` on; OSError.
    """
    corpus, name = Corpus(folder), answer_name(threshold, linkage)
    if (folder / name).exists():
        return name
    _check(corpus, threshold)
    draft = folder / f".{name}-{os.getpid()}"
    try:
        draft.mkdir()
        groups, result = Records(draft / "groups"), Records(draft / "result")
        outputs = [groups.append(0, 0, pack(regroup(corpus, threshold, linkage)))]
        sync(draft, outputs)
        for number, part in enumerate(corpus.plan.answered_parts):
            lines = np.frombuffer(document_lines(corpus, part, groups), np.uint8)
            outputs.append(result.append(0, number, pack({"documents": lines})))
        sync(draft, outputs)
        draft.rename(folder / name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return name


def _check(corpus: Corpus, threshold: float) -> None:
    if corpus.plan.options.pairs_from is None:
        raise CorpusError("duplicates: this corpus keeps no pairs; score it with duplicates or pairs")
    kept_from = float(corpus.records("pairs").select(0, "kept_from")[0][0])
    if np.float32(threshold) < np.float32(kept_from):
        raise CorpusError(
            f"duplicates: {threshold:g} asked, pairs are kept from {kept_from:g} on; ask for more"
        )


def main() -> None:
    """Make one answer; print its name. A fault is one sentence on standard error and status 2."""
    folder, threshold, linkage = sys.argv[1:]
    try:
        print(regroup_corpus(Path(folder), float(threshold), msgspec.convert(linkage, Linkage)))
    except (CorpusError, ValueError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
