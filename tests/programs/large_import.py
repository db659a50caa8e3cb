"""Import a model of the size of the public ones, and see what it takes: `python -m tests.programs.large_import FOLDER`.

It writes a fastText `.bin` of random vectors into FOLDER, 7 GB by default, imports it with both precisions, each in a
process of its own, and prints the memory and the time that took, how quickly the bundles open, what a worker adds, and
how far scores with float16 differ. All files are removed at the end.
"""

import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.scoring.opening import keep_pages, opening_times, worker_memory
from scoring.bundle.bundle import open_bundle
from scoring.embedding.embedder import Embedder
from scoring.similarity.cosine import unit_vectors

PRECISIONS = ("float32", "float16")
CLUSTERS = 16
# Numbers that are written at a time.
CHUNK = 1 << 22
LETTERS = "etaoinshrdlucmfwypvbgkjqxz"


def write_model(path: Path, words: int, buckets: int, dimensions: int) -> None:
    """Write a skipgram model of random vectors, its words and n-grams of 3 to 6 characters."""
    with path.open("wb") as file:
        file.write(struct.pack("<2i", 793712314, 12))
        file.write(struct.pack("<12id", dimensions, 5, 5, 1, 5, 1, 1, 2, buckets, 3, 6, 100, 1e-4))
        file.write(struct.pack("<3i2q", words, words, 0, 100 * words, -1))
        for number in range(words):
            file.write(f"{word(number)}\0".encode() + struct.pack("<qb", words - number, 0))
        random = np.random.default_rng(0)
        noise = 0.1 * random.normal(size=CHUNK + dimensions).astype("<f4")
        for rows in (words + buckets, words):
            file.write(struct.pack("<?2q", False, rows, dimensions))
            for start in range(0, rows * dimensions, CHUNK):
                # Windows into the same numbers: quick, and no two rows are alike.
                shift = int(random.integers(dimensions))
                file.write(noise[shift : shift + min(CHUNK, rows * dimensions - start)].data)


def word(number: int) -> str:
    """Return a distinct word of some letters and an ending, as many as words of real vocabularies have."""
    digits: list[str] = []
    while number or not digits:
        number, digit = divmod(number, len(LETTERS))
        digits.append(LETTERS[digit])
    return "".join(digits) + "xing"


def run_import(model: Path, bundle: Path, centroids: Path, precision: str) -> str:
    """Import the model in another process; return its time and its peak of private and of all resident memory."""
    options = ["--fasttext", model, "--output", bundle, "--centroids", centroids, "--precision", precision]
    began = time.perf_counter()
    private = resident = 0
    with subprocess.Popen(
        [sys.executable, "-m", "service", "import", *map(str, options)],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(model.parent)},
    ) as process:
        while process.poll() is None:
            status = memory_status(process.pid)
            private = max(private, status.get("RssAnon", 0))
            resident = max(resident, status.get("VmHWM", 0))
            time.sleep(0.05)
    if process.returncode:
        sys.exit(process.returncode)
    seconds = time.perf_counter() - began
    return f"{seconds:.0f} s, {private / 1e3:.0f} MB private and {resident / 1e3:.0f} MB resident at the peak"


def memory_status(pid: int) -> dict[str, int]:
    """Return the fields of a process's status that are in kB; none when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}


def some_texts(words: int) -> list[str]:
    """Return texts of words that follow Zipf's law, one in thirty unknown."""
    random = np.random.default_rng(1)
    numbers = np.minimum(random.pareto(0.7, size=200_000).astype(np.int64), words - 1).tolist()
    tokens = [word(number) + "qu" * (place % 30 == 0) for place, number in enumerate(numbers)]
    return [" ".join(tokens[start : start + 200]) for start in range(0, len(tokens), 200)]


def compare(bundles: list[Path], texts: list[str]) -> str:
    """Return how far the vectors and neighbours of the second bundle differ from the first's, and its time."""
    embedders = [Embedder(open_bundle(bundle)) for bundle in bundles]
    times: list[list[float]] = [[], []]
    for _ in range(8):
        for each, embedder in zip(times, embedders, strict=True):
            began = time.perf_counter()
            embedder.embed(texts)
            each.append(time.perf_counter() - began)
    one, other = [unit_vectors(embedder.embed(texts).doc_vectors) for embedder in embedders]
    similarities = [units @ units.T - 2 * np.eye(len(units), dtype=np.float32) for units in (one, other)]
    nearest = [np.argsort(-similarity, axis=1)[:, :5] for similarity in similarities]
    shared = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(*nearest, strict=True)])
    return (
        f"cosine to float32 at least 1 - {1 - (one * other).sum(axis=1).min():.1e}, similarities differ by "
        f"{np.abs(similarities[0] - similarities[1]).max():.1e} at most, {shared:.2%} of the five nearest are the "
        f"same, embedding takes {min(times[1]) / min(times[0]):.1f} times as long"
    )


def main(folder: Path, words: int, buckets: int, dimensions: int) -> None:
    """Write, import, open, score and compare; print a line for each."""
    model, centroids = folder / "model.bin", folder / "centroids.npy"
    write_model(model, words, buckets, dimensions)
    np.save(centroids, np.random.default_rng(0).normal(size=(CLUSTERS, dimensions)).astype(np.float32))
    matrix = 4 * words * dimensions
    print(f"model    {model.stat().st_size / 1e9:.2f} GB, the vectors of its words {matrix / 1e6:,.0f} MB")
    texts = some_texts(words)
    bundles = [folder / precision for precision in PRECISIONS]
    for precision, bundle in zip(PRECISIONS, bundles, strict=True):
        print(f"import   {precision}: {run_import(model, bundle, centroids, precision)}", flush=True)
        opening = np.median(opening_times(bundle, 5, keep_pages))
        before, after = worker_memory(bundle, texts[:100])
        print(
            f"serve    {precision}: opens in {opening:.1f} ms, a worker adds {after - before:.1f} MB private"
        )
    print(f"float16  {compare(bundles, texts)}")
    print(f"load     {', '.join(f'{load:.1f}' for load in os.getloadavg())}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="with room for twice the model")
    parser.add_argument("--words", type=int, default=2_000_000)
    parser.add_argument("--buckets", type=int, default=2_000_000)
    parser.add_argument("--dimensions", type=int, default=300)
    arguments = parser.parse_args()
    work_folder = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        main(work_folder, arguments.words, arguments.buckets, arguments.dimensions)
    finally:
        shutil.rmtree(work_folder)
