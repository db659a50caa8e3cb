"""One step of a plan: files in, arrays, files out. It runs in any process that has the folder.

`python -m scoring.corpora.steps FOLDER STAGE STEP` runs one that needs no scorer (`Stage.long`).
"""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from scoring.corpora.answer_lines import document_lines, pair_lines
from scoring.corpora.comparison import Comparison, compare_blocks, pair_arrays
from scoring.corpora.corpus import Corpus
from scoring.corpora.documents import read_texts
from scoring.corpora.folder import first_step, records_of
from scoring.corpora.lists import Hits, Lists, lists_within
from scoring.corpora.long_steps import arrange, groups, pairs
from scoring.corpora.plan import Stage, StageName
from scoring.corpora.records import Arrays, StepOutput, pack
from scoring.corpora.tiles import Block, PairHits, pairs_within
from scoring.corpora.vectors import read_vectors
from scoring.pipeline import Scorer
from scoring.similarity.cosine import unit_vectors


def run_step(folder: Path, scorer: Scorer | None, stage: int, step: int) -> StepOutput:
    """Do one step and return where its record is; it is not synced. Repeated, it gives the same record.

    stage, step: positions in `Plan.stages`, and in 0 … count − 1. scorer: needed for the stage `embed` alone.
    Raises: OSError, when the disk is full; CorpusError, when a file of an earlier stage is missing or damaged.
    """
    corpus = Corpus(folder)
    plan = corpus.plan
    found = plan.stages[stage]
    number = first_step(plan, found) + step
    if found.name == "embed":
        assert scorer is not None
        arrays = embed_texts(scorer, *read_texts(folder, number))
    else:
        arrays = _STEPS[found.name](corpus, found.round, number)
    return keep_step(corpus, found, number, pack(arrays))


def keep_step(corpus: Corpus, stage: Stage, number: int, payload: bytes) -> StepOutput:
    """Append the record of a step, by its number in the records (`folder.first_step`), and return where it is.

    Raises: OSError, when the disk is full.
    """
    base = corpus.plan.base
    segment = (0 if base is None else base.generation + 1) << 32 | os.getpid()
    return records_of(corpus.folder, stage).append(segment, number, payload)


def embed_texts(scorer: Scorer, first: int, texts: Sequence[str]) -> Arrays:
    """Return the arrays of a part's record; `first` is the position of the first text."""
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


def _block(corpus: Corpus, _: int, number: int) -> Arrays:
    """Gather the documents of a block and compare them with one another."""
    plan, options = corpus.plan, corpus.plan.options
    start = (number - plan.first_block) * plan.block_documents
    positions = corpus.records("arrange").rows(0, "order", start, start + plan.block_documents)
    units = unit_vectors(read_vectors(corpus, positions))
    lists, found = Lists.empty(len(units), options.neighbours), PairHits.concatenate([])
    if plan.base is None or options.append:
        if options.similarity == "neighbours":
            lists = lists_within(units, positions, options.neighbours)
        if options.pairs_from is not None:
            found = pairs_within(Block(units, positions), options.pairs_from)
    return {
        "positions": positions,
        "units": units,
        **_list_arrays(lists),
        **pair_arrays(found, Comparison.of(corpus)),
    }


def _tile(corpus: Corpus, round_: int, number: int) -> Arrays:
    row, column = corpus.plan.rounds[round_].tile(number)
    rows, columns = corpus.listed_block(row, round_), corpus.listed_block(column, round_)
    return compare_blocks(rows, columns, Comparison.of(corpus))


def _merge(corpus: Corpus, round_: int, number: int) -> Arrays:
    return _list_arrays(corpus.lists(number, round_).merged(_hits(corpus, round_, number)))


def _settle(corpus: Corpus, _: int, number: int) -> Arrays:
    """Merge all that the rounds found for a block of the base, whose lists were good from the beginning."""
    hits = [_hits(corpus, round_, number) for round_ in range(len(corpus.plan.rounds))]
    return _list_arrays(corpus.lists(number, 0).merged(Hits.concatenate(hits)))


def _result(corpus: Corpus, _: int, number: int) -> Arrays:
    part = corpus.plan.answered_parts[number]
    grouped = corpus.records("groups") if corpus.plan.options.duplicates is not None else None
    lines = {"documents": document_lines(corpus, part, grouped)}
    if corpus.plan.options.pairs_from is not None:
        lines["pairs"] = pair_lines(corpus, number)
    return {name: np.frombuffer(content, np.uint8) for name, content in lines.items()}


def _hits(corpus: Corpus, round_: int, block: int) -> Hits:
    """Return what the tiles of a round found for the lists of a block."""
    records = corpus.records(f"tiles-{round_}")
    found = []
    for step, rows in corpus.plan.rounds[round_].tiles_of(block):
        arrays, side = records.arrays(step), "row" if rows else "column"
        found.append(Hits(*(arrays[f"{side}_{name}"] for name in Hits._fields)))
    return Hits.concatenate(found)


def _list_arrays(lists: Lists) -> Arrays:
    return {"list_positions": lists.positions, "list_similarities": lists.similarities}


_STEPS: Mapping[StageName, Callable[[Corpus, int, int], Arrays]] = {
    "arrange": lambda corpus, _, __: arrange(corpus),
    "blocks": _block,
    "tiles": _tile,
    "merge": _merge,
    "settle": _settle,
    "pairs": lambda corpus, _, __: pairs(corpus),
    "groups": lambda corpus, _, __: groups(corpus),
    "result": _result,
}


def main() -> None:
    """Run one step that needs no scorer; print where its record is, as JSON: [segment, offset, length]."""
    folder, stage, step = sys.argv[1:]
    print(json.dumps(run_step(Path(folder), None, int(stage), int(step))))


if __name__ == "__main__":
    main()
