"""Corpora: the work of all steps beside that of the bare kernel, and how it grows.

    python -m bench corpora --picture corpora.png
    python -m bench corpora --sizes 50000 --documents descriptions

Passages of news texts or descriptions of Debian packages, d = 100, their 10 nearest neighbours; every step of a
corpus's plan on one core, as the service and `scorepool score` run them, files included. Beside it the bare kernel,
which holds all vectors in memory: half the matrix of float32 products, and the selection of candidates
(`find_candidates`). Processor time on both sides, in one run, in turns.

    efficiency   the kernel's time / that of the steps `blocks`, `tiles` and `merge`; promised: at least 0.9
    longest      of the steps that run between requests, in processor time; promised: 20 ms

`bench corpora_end_to_end` runs the commands themselves.

With and without arrangement, on arrays alone: how many hits a document the tiles let by, and their time.
"""

import os

# Before NumPy is imported: its BLAS reads them once.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import argparse
import gc
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.harness.command_line import bundle_path, parser
from bench.harness.descriptions import descriptions
from bench.harness.documents import corpus
from bench.harness.results import Figure, collect, save
from bench.scoring.growth import Growth, draw, use_one_core
from bench.scoring.passages import passages
from scoring.bundle.bundle import open_bundle
from scoring.corpora.arrangement import find_leaves, in_blocks, learn_tree, sample_size, tree_depth
from scoring.corpora.corpus import Corpus
from scoring.corpora.folder import end_stage
from scoring.corpora.lists import Hits, lists_within
from scoring.corpora.local import prepare
from scoring.corpora.options import CorpusOptions
from scoring.corpora.plan import Plan, block_size
from scoring.corpora.steps import run_step
from scoring.corpora.tiles import Block, compare
from scoring.corpora.vectors import embedded_parts
from scoring.pipeline import Scorer
from scoring.similarity.candidates import find_candidates
from scoring.similarity.cosine import unit_vectors

NEIGHBOURS = 10
SIZES = (5_000, 10_000, 20_000, 50_000)
# The stages whose steps do the kernel's work.
COMPARING = ("blocks", "tiles", "merge")


@dataclass
class Work:
    """Processor seconds of the steps of one size. longest: of each stage that is not long, in ms."""

    kernel: float = 0.0
    stages: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    longest: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def compared(self) -> float:
        """The seconds that comparing took."""
        return sum(self.stages[name] for name in COMPARING)


def run(bundle: Path, texts: list[str], folder: Path) -> tuple[Work, NDArray[np.float32]]:
    """Do every step in this process; return the work and the unit vectors."""
    work = Work()
    plan = prepare(bundle, ((None, text) for text in texts), folder, CorpusOptions(neighbours=NEIGHBOURS))
    scorer = Scorer(open_bundle(bundle))
    # As workers do.
    gc.freeze()
    units = np.empty((0, plan.dimensions), np.float32)
    for number, stage in enumerate(plan.stages):
        for step in range(stage.count):
            began = time.process_time()
            run_step(folder, scorer, number, step)
            spent = time.process_time() - began
            work.stages[stage.name] += spent
            if not stage.long:
                work.longest[stage.name] = max(work.longest[stage.name], spent * 1e3)
        end_stage(folder, number)
        if stage.name == "embed":
            units = unit_vectors(np.concatenate([part for _, part, _ in embedded_parts(Corpus(folder))]))
            began = time.process_time()
            find_candidates(units, NEIGHBOURS)
            work.kernel = time.process_time() - began
    return work, units


def compare_arrays(units: NDArray[np.float32], *, arranged: bool) -> tuple[float, float]:
    """Compare all on arrays, with the documents arranged or as they come; return hits a document and seconds."""
    n, size = len(units), block_size(units.shape[1])
    tree = learn_tree(units[:: max(1, n // sample_size(n))], tree_depth(n))
    order = in_blocks(find_leaves(units, tree) if arranged else np.zeros(n, np.int64), size)
    parts = [order[start : start + size] for start in range(0, n, size)]
    lists = [lists_within(units[part], part, NEIGHBOURS) for part in parts]
    began, count = time.process_time(), 0
    for tiles in Plan.of(n, units.shape[1], CorpusOptions(neighbours=NEIGHBOURS), parts=1).rounds:
        blocks = [
            Block(units[part], part).with_lists(known) for part, known in zip(parts, lists, strict=True)
        ]
        hits: list[list[Hits]] = [[] for _ in blocks]
        for step in range(tiles.tiles):
            row, column = tiles.tile(step)
            found = compare(blocks[row], blocks[column], NEIGHBOURS)
            hits[row].append(found.rows)
            hits[column].append(found.columns)
        together = [Hits.concatenate(some) for some in hits]
        count += sum(len(some.rows) for some in together)
        lists = [known.merged(some) for known, some in zip(lists, together, strict=True)]
    return count / n, time.process_time() - began


def line(size: int, work: Work) -> str:
    """Return the figures of one size."""
    stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in work.stages.items())
    longest = ", ".join(f"{name} {ms:.0f}" for name, ms in work.longest.items())
    return (
        f"{size:,}: kernel {work.kernel:.2f} s, comparing {work.compared:.2f} s,"
        f" efficiency {work.kernel / work.compared:.2f} (goal 0.9)\n  seconds: {stages}\n  longest, ms: {longest}"
    )


def documents(options: argparse.Namespace) -> list[str]:
    """Return as many documents as the largest size asks for."""
    if options.documents == "descriptions":
        return descriptions()[: max(options.sizes)]
    return passages(corpus(), max(options.sizes))


def measure_sizes(options: argparse.Namespace, bundle: Path) -> dict[int, list[Work]]:
    """Measure and print every size, as often as was asked."""
    texts = documents(options)
    measured: dict[int, list[Work]] = defaultdict(list)
    for size in options.sizes:
        for _ in range(options.repeats):
            with tempfile.TemporaryDirectory() as folder:
                work, units = run(bundle, texts[:size], Path(folder))
            measured[size].append(work)
            print(line(size, work), flush=True)
        for arranged in (True, False):
            hits, seconds = compare_arrays(units, arranged=arranged)
            print(
                f"  {'arranged' if arranged else 'as they come'}: {hits:.1f} hits a document, {seconds:.2f} s"
            )
    return measured


def main() -> None:
    """Measure, print, save."""
    options_parser = parser(__doc__, "bundle", "picture")
    options_parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    options_parser.add_argument("--repeats", type=int, default=3)
    kinds = ("passages", "descriptions")
    options_parser.add_argument("--documents", choices=kinds, default=kinds[0])
    options = options_parser.parse_args()
    bundle = bundle_path(options.bundle)
    use_one_core()
    measured = measure_sizes(options, bundle)
    if options.picture:
        seconds = {("bare kernel", size): [work.kernel for work in works] for size, works in measured.items()}
        seconds |= {
            ("all steps", size): [sum(work.stages.values()) for work in works]
            for size, works in measured.items()
        }
        draw(Growth("documents", seconds), f"Top {NEIGHBOURS} neighbours of a corpus", options.picture)
    efficiency = [
        Figure(f"efficiency/{size}", "", "higher", [work.kernel / work.compared for work in works])
        for size, works in measured.items()
    ]
    print(save(collect("corpora", {"neighbours": NEIGHBOURS}, efficiency)))
