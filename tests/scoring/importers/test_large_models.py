"""Importing takes memory for the words of a model and not for its vectors."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from gensim.models.fasttext import load_facebook_vectors
from numpy.typing import NDArray

from scoring.bundle.model import Model
from scoring.bundle.rows import LazyRows
from scoring.importers.composed_rows import ComposedRows
from scoring.importers.fasttext_bin import read_fasttext_bin
from scoring.importers.model_file import ModelFile
from scoring.training.fit import embed_corpus
from tests.programs.large_import import write_model

# Beside what its libraries take the child may have half of the 48 MB of vectors.
LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np
from scoring.bundle.bundle import write_bundle
from scoring.importers.composed_rows import ComposedRows
from scoring.importers.importing import build_model, import_fasttext
from scoring.training.fit import FittingOptions
# Blocks in the proportion that they have to a large model.
ComposedRows.block_bytes = ComposedRows.piece_bytes = 2 << 20
used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_DATA, (used + (24 << 20), used + (24 << 20)))
vectors = import_fasttext(Path(sys.argv[1]))
model = build_model(vectors, FittingOptions("large", "mean"), centroids=np.zeros((1, 600), np.float32))
write_bundle(Path(sys.argv[2]), model)
try:
    np.ones(24 << 20, dtype=np.uint8)
except MemoryError:
    print("limited")
"""


def test_a_model_larger_than_the_memory_is_imported(tmp_path: Path) -> None:
    """Under a limit of half of its vectors; an array of that size cannot be had."""
    write_model(tmp_path / "model.bin", words=5_000, buckets=15_000, dimensions=600)

    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path / "model.bin", tmp_path / "bundle"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == "limited\n"
    assert (tmp_path / "bundle" / "manifest.json").exists()
    shutil.rmtree(tmp_path)  # pytest would keep 60 MB


class _CountedRows(LazyRows):
    """Rows of ones, which count how often one was asked for."""

    asked = 0

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        numbers = np.arange(len(self))[rows]
        self.asked += len(numbers)
        return np.ones((len(numbers), self.shape[1]), dtype=np.float32)


def test_a_corpus_reads_only_its_own_ngrams() -> None:
    """Those of a large model are neither copied nor mapped for it."""
    ngram_vectors = _CountedRows(100_000, 4)
    ones = np.ones((1, 4), dtype=np.float32)
    model = Model("large", ["known"], ones, ones, ngram_vectors=ngram_vectors, min_n=3, max_n=3)

    doc_vectors, present = embed_corpus(model, [["known"], ["unknown", "known"], ["?"]])

    np.testing.assert_array_equal(doc_vectors, np.ones((3, 4)))
    assert present.all()
    assert ngram_vectors.asked == len("unknown") + len("?")


def test_pieces_and_blocks_change_nothing(tmp_path: Path) -> None:
    """However many pieces n-gram vectors are read in, words have gensim's vectors."""
    write_model(tmp_path / "model.bin", words=300, buckets=97, dimensions=5)
    expected = load_facebook_vectors(str(tmp_path / "model.bin"))

    rows = read_fasttext_bin(ModelFile(tmp_path / "model.bin")).word_vectors

    assert isinstance(rows, ComposedRows)
    for piece_bytes in (1, 20 * 7, 20 * 97):
        rows.piece_bytes = piece_bytes
        np.testing.assert_allclose(rows, expected.vectors, atol=1e-6)
        np.testing.assert_allclose(rows[np.array([7, 299, 7])], expected.vectors[[7, 299, 7]], atol=1e-6)
        assert rows[:0].shape == (0, 5)
