"""Nearest neighbours: Scorepool beside faiss, and beside the matrix product that every exact method needs.

    python -m bench neighbours --picture neighbours.png     needs the packages of requirements-bench.txt

The exact top 10 of each of n document vectors, d = 100: by faiss's IndexFlatIP, by NumPy's blocked product and
argpartition, and by Scorepool; beside them half of the matrix product without any selection, and Scorepool's
pairs above a threshold. One core, all sides in one run, in turns. faiss brings an OpenBLAS of its own, so the
kernels of both are printed: where one of them does not know the processor, the ratio compares kernels and not
methods.

The documents are passages of news texts, the model is that of the demonstration bundle.

Two more sides show the floor of the method, which multiplies half the matrix and compares each product with the
thresholds of both documents: all of that with the final thresholds, which no method knows beforehand; and the exact
cosines of the neighbours alone. In three runs at n = 10,000, while others kept the processor busy, of faiss's time:

    half product                 0.31 to 0.40
    comparing, finding hits      0.16 to 0.23    two passes over the products; NumPy makes one for each operation
    exact cosines                0.07 to 0.10
    together, the floor          0.58 to 0.69
    thresholds, hits, sorting    0.12 to 0.21    the rest of Scorepool's time
    Scorepool                    0.76 to 0.81    0.70 on a quieter machine

So 0.5 takes another method. Three others gave the same results without being clearly quicker: ordering documents by
threshold, so that one comparison serves both; bounding cosines by the 31 leading principal components and the length
of the rest, which left 8 % of the pairs of these passages but 26 % of those of docstrings and 17 % of descriptions of
packages; and wider blocks with one mask for both comparisons. scikit-learn's compiled `ArgKmin`, which finds nearest
neighbours by the same product and keeps them in heaps, takes 2.4 times as long as faiss.
"""

import os

# Before NumPy is imported: its BLAS reads them once.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

from functools import cache
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]  # it has no types

from bench.harness.command_line import bundle_path, parser
from bench.harness.documents import corpus
from bench.harness.results import collect, save
from bench.scoring.growth import Growth, Work, draw, figures, measure, table, use_one_core
from bench.scoring.passages import passages
from scoring.bundle.bundle import open_bundle
from scoring.embedding.embedder import Embedder
from scoring.similarity.block_products import BlockProducts
from scoring.similarity.cosine import exact_cosines, unit_vectors
from scoring.similarity.neighbours import Neighbours, find_neighbours
from scoring.similarity.pairs import find_pairs

NEIGHBOURS = 10
SIZES = (1_000, 2_000, 5_000, 10_000, 20_000)
# `pairs` is timed at the threshold that about one pair in a thousand exceeds.
SHARE = 1e-3
BLOCK = 512
OURS, PAIRS = "scorepool", "scorepool pairs"
FAISS, PARTITION, HALF = "faiss IndexFlatIP", "blocks, argpartition", "half product alone"
COMPARED, EXACT = "half product, compared", "exact cosines alone"


def search_faiss(units: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return similarities and indices of the nearest of each vector, itself included, each (n, 11)."""
    index = faiss.IndexFlatIP(units.shape[1])
    index.add(units)
    similarities, indices = index.search(units, NEIGHBOURS + 1)
    return similarities, indices


def partition_blocks(units: NDArray[np.float32]) -> None:
    """Take the product in blocks of rows and the largest of each row, as users of NumPy write it."""
    for start in range(0, len(units), BLOCK):
        products = units[start : start + BLOCK] @ units.T
        nearest = np.argpartition(products, len(units) - NEIGHBOURS - 1, axis=1)[:, -NEIGHBOURS - 1 :]
        np.take_along_axis(products, nearest, axis=1)


def multiply_half(units: NDArray[np.float32]) -> None:
    """Multiply every pair of blocks once, into one buffer, and select nothing."""
    buffer = np.empty(BLOCK * BLOCK, np.float32)
    blocks = [units[start : start + BLOCK] for start in range(0, len(units), BLOCK)]
    for row, left in enumerate(blocks):
        for right in blocks[row:]:
            np.dot(left, right.T, out=buffer[: len(left) * len(right)].reshape(len(left), len(right)))


def compare_half(units: NDArray[np.float32], thresholds: NDArray[np.float32]) -> None:
    """Multiply as `multiply_half` does, and find which products reach the threshold of either document."""
    products = BlockProducts(BLOCK)
    blocks = [slice(start, start + BLOCK) for start in range(0, len(units), BLOCK)]
    for row, left in enumerate(blocks):
        for right in blocks[row:]:
            block = products.multiply(units[left], units[right])
            products.reaching(block, thresholds[left, None])
            products.reaching(block, thresholds[right])


def compute_exactly(units: NDArray[np.float32], found: Neighbours) -> None:
    """Compute the exact cosine of each document and each of its neighbours."""
    rows = np.repeat(np.arange(len(units)), NEIGHBOURS)
    exact_cosines(units, units, rows, found.indices.ravel())


def ways(units: NDArray[np.float32], threshold: float) -> dict[str, Work]:
    """Return what each side does with the first n vectors."""
    limit = len(units) ** 2

    @cache
    def found(n: int) -> Neighbours:
        return find_neighbours(units[:n], NEIGHBOURS)

    return {
        OURS: lambda n: find_neighbours(units[:n], NEIGHBOURS),
        FAISS: lambda n: search_faiss(units[:n]),
        PARTITION: lambda n: partition_blocks(units[:n]),
        HALF: lambda n: multiply_half(units[:n]),
        COMPARED: lambda n: compare_half(units[:n], found(n).similarities[:, -1]),
        EXACT: lambda n: compute_exactly(units[:n], found(n)),
        PAIRS: lambda n: find_pairs(units[:n], threshold, limit=limit),
    }


def check(units: NDArray[np.float32]) -> str:
    """Return the largest difference between the similarities of the sides, as a sentence."""
    similarities, _ = search_faiss(units)
    apart = np.abs(find_neighbours(units, NEIGHBOURS).similarities - similarities[:, 1:]).max()
    return f"largest difference to faiss's similarities {apart:.0e}"


def report(growth: Growth) -> str:
    """Return the table, and the ratios that were promised."""
    lines = [table(growth, OURS), ""]
    for size in growth.sizes:
        of_faiss, half, compared, exact = (
            growth.ratio(FAISS, side, size) for side in (OURS, HALF, COMPARED, EXACT)
        )
        of_half, pairs_of_half = (1 / growth.ratio(side, HALF, size) for side in (OURS, PAIRS))
        lines.append(
            f"{size:,}: neighbours take {of_faiss:.2f} of faiss's time (goal at 10,000: 0.5),"
            f" {of_half:.2f} of the half product's; pairs {pairs_of_half:.2f} of it (goal: 2)"
        )
        lines.append(
            f"  floor, of faiss's time: half product {half:.2f}, its comparisons {compared - half:.2f},"
            f" exact cosines {exact:.2f}; together {compared + exact:.2f}"
        )
    return "\n".join(lines)


def kernels() -> str:
    """Return which OpenBLAS kernels NumPy and faiss chose for this processor."""
    found = {
        Path(library["filepath"]).parent.name: f"{library['architecture']} ({library['version']})"
        for library in threadpool_info()
        if library["internal_api"] == "openblas"
    }
    return "OpenBLAS kernels: " + ", ".join(f"{package} {kernel}" for package, kernel in found.items())


def main() -> None:
    """Measure, print, save."""
    options_parser = parser(__doc__, "bundle", "picture")
    options_parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    options_parser.add_argument("--repeats", type=int, default=5)
    options = options_parser.parse_args()
    use_one_core()
    faiss.omp_set_num_threads(1)
    embedder = Embedder(open_bundle(bundle_path(options.bundle)))
    units = unit_vectors(embedder.embed(passages(corpus(), max(options.sizes))).doc_vectors)
    sample = units[:1_000] @ units[:1_000].T
    threshold = float(np.quantile(sample[np.triu_indices(len(sample), 1)], 1 - SHARE))
    print(kernels())
    print(check(units[: min(options.sizes)]))
    growth = measure("documents", ways(units, threshold), options.sizes, options.repeats)
    print(report(growth))
    if options.picture:
        draw(growth, f"Top {NEIGHBOURS} neighbours, d = {units.shape[1]}", options.picture)
    settings = {
        "neighbours": NEIGHBOURS,
        "dimensions": units.shape[1],
        "threshold": threshold,
        "kernels": kernels(),
        "faiss": faiss.__version__,
    }
    print(save(collect("neighbours", settings, figures(growth))))
