"""Distances of documents as if they were new, against stories that were really held out."""

from pathlib import Path

import numpy as np
import pytest
from gensim.test.utils import datapath

from scoring.bundle.bundle import open_bundle, write_bundle
from scoring.clustering import assign
from scoring.embedding.embedder import Embedder
from scoring.outliers import nearer_share
from scoring.texts.corpus import read_corpus
from scoring.training.train import TrainingOptions, train

STORIES = list(dict.fromkeys(read_corpus(Path(datapath("lee_background.cor")))))


@pytest.mark.parametrize("clusters", [8, 32])
def test_about_half_of_the_training_documents_are_nearer_than_a_new_one(
    tmp_path: Path, clusters: int
) -> None:
    """On average over a hundred stories, for a model of the two hundred others."""
    stories = [STORIES[i] for i in np.random.default_rng(2).permutation(len(STORIES))]
    path = tmp_path / "bundle"
    write_bundle(path, train(stories[100:], TrainingOptions("lee", epochs=2, clusters=clusters)))
    bundle = open_bundle(path)
    assert bundle.distance_quantiles is not None

    held_out = Embedder(bundle).embed(stories[:100]).doc_vectors

    found = assign(held_out, bundle.centroids)
    nearer = nearer_share(found.labels, found.distance, bundle.distance_quantiles)
    assert nearer.mean() == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("texts", [["storm"], ["storm", "gale"], ["storm"] * 30])
def test_corpora_of_nearly_nothing_have_quantiles(texts: list[str]) -> None:
    """Where no document has a vector without its own words, those of the training documents stay."""
    model = train(texts, TrainingOptions("few", clusters=1, epochs=1, dimensions=8))

    assert model.distance_quantiles is not None
    assert np.isfinite(model.distance_quantiles).all()
