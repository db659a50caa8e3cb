"""What the commands write. Their errors are in `test_command_errors`."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jwt
import numpy as np
import pytest
from gensim.test.utils import datapath

from scoring.bundle.bundle import open_bundle
from scoring.lines import documents
from scoring.pipeline import Scorer, ScoringOptions
from service.cli.score import IN_MEMORY_DOCUMENTS
from tests.support.cli import scorepool
from tests.support.tokens import SECRET


def test_train_then_inspect_then_score(tmp_path: Path, small_corpus: Path) -> None:
    """A corpus becomes a bundle that `inspect` verifies and `score` scores a file with, line by line."""
    bundle, output = tmp_path / "bundle", tmp_path / "scores.jsonl"

    trained = scorepool("train", small_corpus, "--output", bundle, "--clusters", "3", "--epochs", "1")
    inspected = scorepool("inspect", bundle, "--verify")
    scored = scorepool("score", "--bundle", bundle, small_corpus, "--output", output, "--neighbours", "2")

    assert trained.exit_code == inspected.exit_code == scored.exit_code == 0, trained.output + scored.output
    assert "3 clusters" in inspected.stdout
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["id"] for line in lines] == [str(i) for i in range(30)]
    assert all(len(line["neighbours"]) == 2 for line in lines)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_same_seed_gives_the_same_bundle(tmp_path: Path, small_corpus: Path) -> None:
    """Two trainings with other hash seeds and the same SOURCE_DATE_EPOCH give equal bytes in every file."""
    for name, hash_seed in (("a", "1"), ("b", "2")):
        output = str(tmp_path / name)
        command = [
            sys.executable,
            "-m",
            "service",
            "train",
            str(small_corpus),
            "--output",
            output,
            "--name",
            "m",
        ]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "SOURCE_DATE_EPOCH": "1"}
        subprocess.run(
            [*command, "--epochs", "1", "--seed", "7"], env=environment, check=True, capture_output=True
        )

    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_import_takes_a_model_and_centroids(tmp_path: Path) -> None:
    """A Facebook `.bin` and the centroids of an existing K-Means become a bundle without a corpus."""
    centroids = np.random.default_rng(0).normal(size=(4, 10)).astype(np.float32)
    np.save(tmp_path / "centroids.npy", centroids)

    result = scorepool(
        *("import", "--fasttext", datapath("lee_fasttext_new.bin"), "--output", tmp_path / "bundle"),
        *("--centroids", tmp_path / "centroids.npy"),
    )

    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(open_bundle(tmp_path / "bundle").centroids, centroids)
    assert "tokenizer fasttext, pooling fasttext: as the official library" in result.stderr
    assert "texts can reach 100 % of the words, 1,762 of 1,762" in result.stderr


def test_a_token_has_the_claims_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Subject, scope, audience and lifetime are those of the options."""
    monkeypatch.setenv("SCOREPOOL_JWT_SECRET", SECRET)

    result = scorepool("token", "--subject", "ann", "--scope", "status", "--ttl", "60")

    claims = jwt.decode(result.stdout.strip(), SECRET, algorithms=["HS256"], audience="scorepool")
    assert (claims["sub"], claims["scope"]) == ("ann", "status")
    assert claims["exp"] - claims["iat"] == 60


def test_many_documents_are_scored_as_few_are(tmp_path: Path, demo_bundle: Path) -> None:
    """From files instead of memory, by several processes: with ids, copies and documents without words."""
    words = ["storm", "harbour", "gale", "rates", "rise", "again", "the", "of"]
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(words, size=size)) for size in rng.integers(0, 8, IN_MEMORY_DOCUMENTS + 1)]
    corpus = tmp_path / "corpus.jsonl"
    lines = [json.dumps({"id": f"n{i}", "text": text}) for i, text in enumerate(texts)]
    corpus.write_text("\n".join(lines))
    scores = Scorer(open_bundle(demo_bundle)).score(texts, ScoringOptions("neighbours", 3))
    ids = [f"n{i}" for i in range(len(texts))]

    result = scorepool(
        "score",
        corpus,
        "--bundle",
        demo_bundle,
        "--neighbours",
        "3",
        "--processes",
        "2",
        "--output",
        tmp_path / "o",
    )

    assert result.exit_code == 0, result.output
    found = [json.loads(line) for line in (tmp_path / "o").read_text().splitlines()]
    assert found == list(documents(ids, scores, vectors=False))


def test_figures_of_the_training_are_readable(tmp_path: Path) -> None:
    """`inspect` shows how well halves agree on each number of clusters, in the order of the numbers."""
    bundle = tmp_path / "bundle"
    trained = scorepool("train", datapath("lee_background.cor"), "--output", bundle, "--epochs", "1")
    assert trained.exit_code == 0, trained.output

    lines = scorepool("inspect", bundle).stdout.splitlines()

    shown = next(line for line in lines if line.startswith("training agreements")).split(maxsplit=2)[2]
    assert re.fullmatch(r"2: \d\.\d\d(, \d+: \d\.\d\d)+", shown)
    numbers = [int(part.split(":")[0]) for part in shown.split(", ")]
    assert numbers == sorted(numbers)
