"""Training whole models."""

import hashlib
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from gensim.test.utils import datapath

from scoring.bundle.bundle import open_bundle, write_bundle
from scoring.bundle.manifest import Pooling
from scoring.bundle.model import Model
from scoring.embedding.embedder import Embedder
from scoring.errors import CorpusError
from scoring.texts.corpus import read_corpus
from scoring.training.train import TrainingOptions, choose_epochs, train

# What another process does to write the same bundle.
SCRIPT = """
import sys
from pathlib import Path
from tests.scoring.training.test_train import write_trained
write_trained(Path(sys.argv[1]))
"""


def write_trained(path: Path) -> None:
    """Write a bundle of twenty stories."""
    stories = islice(read_corpus(Path(datapath("lee_background.cor"))), 20)
    write_bundle(path, train(stories, TrainingOptions("same", epochs=1, seed=7)))


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in a folder."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Return eighty stories of the Lee background corpus."""
    return list(read_corpus(Path(datapath("lee_background.cor"))))[:80]


@pytest.fixture(scope="module")
def model(texts: list[str]) -> Model:
    """Return a model of them."""
    return train(texts, TrainingOptions("lee", epochs=1, clusters=3))


def test_a_model_has_everything_that_a_bundle_has(model: Model) -> None:
    """The defaults: 100 dimensions, pooling by tfidf, n-grams, quantiles and terms."""
    assert model.pooling == "tfidf"
    assert model.word_vectors.shape == (len(model.words), 100)
    assert model.ngram_vectors is not None
    assert model.word_weights is not None
    assert model.components is None
    assert model.centroids.shape == (3, 100)
    assert model.distance_quantiles is not None
    assert len(model.terms) == 3


def test_facts_of_the_training_are_kept(model: Model) -> None:
    """`scorepool inspect` shows from it what the bundle was made of and how."""
    facts = dict(model.training)

    assert facts["documents"] == 80
    assert facts["tokens"] > 10_000
    assert (facts["epochs"], facts["seed"], facts["threads"]) == (1, 1, 1)
    assert facts["clusters"] == "3 clusters were asked for"


def test_pooling_by_mean_weighs_all_words_alike(texts: list[str]) -> None:
    """Neither weights nor components."""
    model = train(texts, TrainingOptions("lee", epochs=1, clusters=2, pooling="mean", dimensions=10))

    assert model.word_weights is None
    assert model.components is None
    assert model.word_vectors.shape[1] == 10


def test_clusters_are_fitted_to_the_vectors_that_serving_computes(
    tmp_path: Path, model: Model, texts: list[str]
) -> None:
    """Each centroid is the mean of the training documents that are nearest to it."""
    write_bundle(tmp_path / "bundle", model)
    bundle = open_bundle(tmp_path / "bundle")

    doc_vectors = Embedder(bundle).embed(texts).doc_vectors

    distances = np.linalg.norm(doc_vectors[:, None] - bundle.centroids[None], axis=2)
    nearest = distances.argmin(axis=1)
    means = [doc_vectors[nearest == cluster].mean(axis=0) for cluster in range(3)]
    np.testing.assert_allclose(bundle.centroids, means, atol=1e-4)


def test_progress_passes_every_stage(texts: list[str]) -> None:
    """In this order, each to its end."""
    steps: list[tuple[str, int, int]] = []

    train(texts, TrainingOptions("lee", epochs=1, dimensions=8), lambda *step: steps.append(step))

    stages = list(dict.fromkeys(stage for stage, _, _ in steps))
    assert stages == ["read", "train", "embed", "choose k", "cluster"]
    assert {stage for stage, done, total in steps if done == total} == set(stages)


@pytest.mark.parametrize(
    ("texts", "clusters", "fault"),
    [
        ([], 2, "the corpus has no documents"),
        (["", "1234 !?"], 2, "the corpus has no word in any of its documents, 2 in all"),
        (["one story", "another"], 3, "too small for 3 clusters: distinct documents with words: 2"),
        (["one story", "", "9"], 2, "too small for 2 clusters: distinct documents with words: 1"),
    ],
)
def test_a_corpus_that_is_too_small_is_refused(texts: list[str], clusters: int, fault: str) -> None:
    """The error gives the numbers."""
    with pytest.raises(CorpusError, match=fault):
        train(texts, TrainingOptions("x", clusters=clusters))


def test_a_corpus_of_one_word_is_enough() -> None:
    """Nothing divides by zero."""
    model = train(["storm"], TrainingOptions("x"))

    assert model.words == ["storm"]
    assert len(model.centroids) == 1
    assert np.isfinite(model.word_vectors).all()


@pytest.mark.parametrize("pooling", ["mean", "sif", "tfidf"])
def test_one_dimension_is_enough(pooling: Pooling) -> None:
    """What all documents share is not taken from vectors that have nothing else."""
    model = train(["storm closes harbour", "rates rise"], TrainingOptions("x", pooling=pooling, dimensions=1))

    assert model.centroids.any()


def test_epochs_follow_the_size_of_the_corpus() -> None:
    """Small corpora are read more often, within bounds."""
    assert choose_epochs(0) == choose_epochs(1_000) == 20
    assert choose_epochs(60_000) == 10
    assert choose_epochs(10**9) == 5


def test_the_same_seed_gives_the_same_bundle_in_any_process(tmp_path: Path) -> None:
    """Byte for byte, the manifest included, for any hash seed of Python."""
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "there")]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "1"})

    write_trained(tmp_path / "here")

    assert sys.flags.hash_randomization
    assert checksums(tmp_path / "here") == checksums(tmp_path / "there")
