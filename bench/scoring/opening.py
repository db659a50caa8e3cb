"""A bundle of 1 GB: how long opening it takes, and how much memory one more worker that scores with it costs.

    python -m bench opening [--gigabytes N]

Promised: under 50 ms, and under 20 MB of private memory. The bundle holds random vectors and made-up words,
with the words of real news among them; it is removed afterwards. Workers come from a fork server, as in the
service. The memory is that of the second worker: pages that workers share count as private while there is only one.
"""

import os

# Before NumPy is imported: its BLAS reads them once.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from bench.harness.command_line import parser
from bench.harness.documents import SEED, corpus
from bench.harness.results import Figure, collect, save
from scoring.bundle.bundle import open_bundle, write_bundle
from scoring.bundle.model import Model
from scoring.pipeline import Scorer, ScoringOptions
from scoring.tokens.tokenizer import Tokenizer

DIMENSIONS = 100
CLUSTERS = 64


def random_model(gigabytes: float) -> Model:
    """Return a model of that size: three fifths words, two fifths n-grams.

    Its vectors are overlapping windows into one random array, and so cost little memory until they are written.
    """
    rows = int(gigabytes * 1e9 / DIMENSIONS / np.dtype(np.float32).itemsize)
    noise = np.random.default_rng(SEED).normal(size=rows + DIMENSIONS).astype(np.float32)
    vectors = np.lib.stride_tricks.sliding_window_view(noise, DIMENSIONS)
    words = dict.fromkeys(token for text in corpus()[::2] for token in Tokenizer().tokenize(text))
    letters = str.maketrans("0123456789", "ghijklmnop")
    words |= dict.fromkeys(f"{number:x}".translate(letters) for number in range(rows * 3 // 5))
    return Model(
        name="random",
        words=list(words),
        word_vectors=vectors[: len(words)],
        ngram_vectors=vectors[len(words) : rows],
        min_n=3,
        max_n=6,
        centroids=vectors[:CLUSTERS],
    )


def opening_times(path: Path, repeats: int, prepare: Callable[[Path], None]) -> list[float]:
    """Return how many milliseconds opening takes, each time after `prepare`."""
    times = []
    for _ in range(repeats):
        prepare(path)
        began = time.perf_counter()
        open_bundle(path)
        times.append(1_000 * (time.perf_counter() - began))
    return times


def forget_pages(path: Path) -> None:
    """Ask the kernel to drop the pages of a bundle, so that the next reader waits for the disk."""
    for file in path.iterdir():
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def keep_pages(path: Path) -> None:
    """Leave the pages of a bundle in memory."""


def private_megabytes() -> float:
    """Return the memory in MB that this process shares with no other."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1e3


def work(path: Path, requests: Connection) -> None:
    """Score the texts of each request, none of an empty one, and answer with the private memory in MB."""
    scorer = None
    while (texts := requests.recv()) is not None:
        if texts:
            scorer = scorer or Scorer(open_bundle(path))
            scorer.score(texts, ScoringOptions())
        requests.send(private_megabytes())


def worker_memory(path: Path, texts: list[str]) -> tuple[float, float]:
    """Return the private MB of the second of two workers: before it opened the bundle, and after it scored."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["scoring.pipeline"])
    before = after = 0.0
    lines, workers = [], []
    for _ in range(2):
        here, there = context.Pipe()
        worker = context.Process(target=work, args=(path, there))
        worker.start()
        lines.append(here)
        workers.append(worker)
        before = _ask(here, [])
        for _ in range(3):
            after = _ask(here, texts)
    for here, worker in zip(lines, workers, strict=True):
        here.send(None)
        worker.join()
    return before, after


def _ask(worker: Connection, texts: list[str]) -> float:
    worker.send(texts)
    return float(worker.recv())


def measure(path: Path, repeats: int) -> list[Figure]:
    """Measure the bundle at `path`, print the figures and return them."""
    warm = opening_times(path, repeats, keep_pages)
    cold = opening_times(path, repeats, forget_pages)
    medians = f"{statistics.median(warm):.1f} ms, {statistics.median(cold):.1f} ms from disk"
    print(f"opens in {medians} (promised: 50)")
    began = time.perf_counter()
    open_bundle(path, verify=True)
    print(f"verified in {time.perf_counter() - began:.1f} s")
    before, after = worker_memory(path, corpus())
    print(f"a further worker: {before:.1f} MB private, {after:.1f} after it scored 350 texts (promised: 20)")
    return [
        Figure("opening/warm", "ms", "lower", warm),
        Figure("opening/cold", "ms", "lower", cold),
        Figure("worker/private", "MB", "lower", [after]),
    ]


def main() -> None:
    """Make the bundle, measure, save."""
    options_parser = parser(__doc__)
    options_parser.add_argument("--gigabytes", type=float, default=1.0)
    options_parser.add_argument("--repeats", type=int, default=20)
    options = options_parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scorepool-") as folder:
        path = Path(folder, "bundle")
        began = time.perf_counter()
        write_bundle(path, random_model(options.gigabytes))
        size = sum(file.stat().st_size for file in path.iterdir()) / 1e9
        print(f"{size:.2f} GB written in {time.perf_counter() - began:.0f} s")
        figures = measure(path, options.repeats)
    print(save(collect("opening", {"gigabytes": options.gigabytes}, figures)))
