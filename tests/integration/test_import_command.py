"""`scorepool import`: options, warnings on standard error, nothing that a library prints."""

import gzip
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from gensim.test.utils import datapath
from sklearn.cluster import KMeans

from scoring.bundle.bundle import open_bundle
from tests.support.cli import CORPUS, scorepool

MODELS = Path(__file__).parent.parent / "scoring" / "importers" / "models"
SKIPGRAM = MODELS / "skipgram.bin"


@pytest.fixture
def centroids(tmp_path: Path) -> Path:
    """Return a file of two centroids of nine dimensions."""
    path = tmp_path / "centroids.npy"
    np.save(path, np.eye(2, 9, dtype=np.float32))
    return path


def test_a_compressed_model_becomes_the_same_bundle(
    tmp_path: Path, centroids: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the warning says of the word that is not UTF-8 goes to standard error, with the file's name."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    compressed = tmp_path / "model.bin.gz"
    compressed.write_bytes(gzip.compress(SKIPGRAM.read_bytes()))

    for number, model in enumerate([SKIPGRAM, compressed]):
        result = scorepool(
            "import",
            "--fasttext",
            model,
            "--centroids",
            centroids,
            "--output",
            tmp_path / str(number),
            "--name",
            "x",
        )
        assert result.exit_code == 0, result.output
        assert f"Warning: {model}: 1 word is not UTF-8, so no text can have them\n" in result.stderr

    assert open_bundle(tmp_path / "0").digest == open_bundle(tmp_path / "1").digest


def test_the_vocabulary_can_be_limited_and_vectors_stored_in_half_the_bytes(
    tmp_path: Path, centroids: Path
) -> None:
    """The manifest records both, `inspect` shows them."""
    words = ("--centroids", centroids, "--limit", "100", "--precision", "float16")

    result = scorepool("import", "--fasttext", SKIPGRAM, "--output", tmp_path / "bundle", *words)

    manifest = open_bundle(tmp_path / "bundle", verify=True).manifest
    assert (manifest.words, manifest.precision) == (100, "float16")
    assert "100 of 9 dimensions, float16" in result.stdout


def test_scores_hardly_differ_with_half_the_bytes(tmp_path: Path) -> None:
    """Clusters are the same; distances and similarities differ in the fourth digit."""
    scores = {}
    for each in ("float32", "float16"):
        words = ("--corpus", CORPUS, "--clusters", "4", "--precision", each, "--force")
        imported = scorepool(
            "import", "--fasttext", datapath("lee_fasttext_new.bin"), "--output", tmp_path / "b", *words
        )
        assert imported.exit_code == 0, imported.output
        result = scorepool("score", "--bundle", tmp_path / "b", CORPUS)
        scores[each] = [json.loads(line) for line in result.stdout.splitlines()]

    for one, other in zip(scores["float32"], scores["float16"], strict=True):
        assert one["cluster"] == other["cluster"]
        assert one["distance"] == pytest.approx(other["distance"], abs=2e-3)


def test_a_pickled_kmeans_needs_trust(tmp_path: Path) -> None:
    """As joblib wrote it; the sentence says what needs none."""
    points = np.random.default_rng(0).normal(size=(30, 9))
    joblib.dump(KMeans(3, n_init=1, random_state=0).fit(points), tmp_path / "kmeans.joblib")
    words = (
        "import",
        "--fasttext",
        SKIPGRAM,
        "--output",
        tmp_path / "b",
        "--centroids",
        tmp_path / "kmeans.joblib",
    )

    refused = scorepool(*words)
    trusted = scorepool(*words, "--trust-pickle")

    assert refused.exit_code == 2
    assert "cluster_centers_" in refused.stderr
    assert trusted.exit_code == 0, trusted.output
    assert open_bundle(tmp_path / "b").manifest.clusters == 3


def test_a_number_that_is_not_finite_is_a_fault_of_the_model(tmp_path: Path, centroids: Path) -> None:
    """Not of the bundle or a temporary folder."""
    model = tmp_path / "model.bin"
    content = SKIPGRAM.read_bytes()
    start = content.index(struct.pack("<2q", 431 + 300, 9)) + 16
    model.write_bytes(content[:start] + struct.pack("<f", float("nan")) + content[start + 4 :])

    result = scorepool("import", "--fasttext", model, "--output", tmp_path / "b", "--centroids", centroids)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {model}: the vector of the word 'the' holds NaN")
    assert not (tmp_path / "b").exists()


def test_a_full_folder_for_temporary_files_is_named(tmp_path: Path, centroids: Path) -> None:
    """Text is read into a temporary file; the disk that is full is not the model's."""
    limited = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    limited += "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
    limited += "from service.cli.main import main; main(sys.argv[1:])"
    words = [
        "import",
        "--fasttext",
        MODELS / "skipgram.vec",
        "--output",
        tmp_path / "b",
        "--centroids",
        centroids,
    ]

    done = subprocess.run(
        [sys.executable, "-c", limited, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )

    assert done.returncode == 2
    assert f"{tmp_path} has no space for its vectors; TMPDIR sets another folder" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["centroids.npy"]


def test_nothing_but_our_own_sentences_is_printed(tmp_path: Path, centroids: Path) -> None:
    """A model of an old gensim makes NumPy and gensim complain; all that is seen is what to do."""
    words = ["--output", tmp_path / "b", "--centroids", centroids, "--trust-pickle"]

    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "always",
            "-m",
            "service",
            "import",
            "--fasttext",
            datapath("lee_fasttext"),
            *map(str, words),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_centroids_have_a_number_already(tmp_path: Path, centroids: Path) -> None:
    """Another number of clusters is refused instead of ignored."""
    result = scorepool(
        *("import", "--fasttext", SKIPGRAM, "--centroids", centroids),
        *("--clusters", "3", "--output", tmp_path / "bundle"),
    )

    assert result.exit_code == 2
    assert "leave out --clusters" in result.stderr


def test_a_model_is_called_as_its_file(tmp_path: Path, centroids: Path) -> None:
    """Neither the format nor the compression is a part of its name."""
    model = tmp_path / "cc.en.300.bin.gz"
    model.write_bytes(gzip.compress(SKIPGRAM.read_bytes()))

    result = scorepool(
        *("import", "--fasttext", model, "--centroids", centroids, "--output", tmp_path / "bundle")
    )

    assert result.exit_code == 0, result.output
    assert open_bundle(tmp_path / "bundle").manifest.name == "cc.en.300"


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--corpus", "missing.txt"], "missing.txt: does not exist"),
        (["--corpus", __file__], "is no .txt, .jsonl, .csv, .tsv or .parquet file"),
        (["--centroids", "missing.npy"], "missing.npy: cannot be read: No such file or directory"),
        (["--centroids", __file__], "is no .npy file with an array of numbers"),
        ([], "give --centroids, or a --corpus to fit them to"),
        (["--centroids", "c.npy", "--pooling", "sif"], "pooling by sif needs a --corpus"),
    ],
)
def test_what_else_is_needed_is_known_before_the_model_is_read(
    tmp_path: Path, options: list[str], fault: str
) -> None:
    """A large model takes minutes; this one is none, which would be said of it."""
    model = tmp_path / "model.bin"
    model.write_bytes(b"damaged")

    result = scorepool("import", "--fasttext", model, "--output", tmp_path / "bundle", *options)

    assert result.exit_code == 2
    assert fault in " ".join(result.stderr.split())
    assert "model.bin" not in result.stderr
