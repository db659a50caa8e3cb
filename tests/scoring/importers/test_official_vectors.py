"""Document vectors of imported models beside what the official library says of the same files and texts."""

import json
from pathlib import Path

import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors, Word2Vec
from gensim.test.utils import datapath
from gensim.utils import simple_preprocess
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from scoring.bundle.bundle import open_bundle
from scoring.pipeline import Scorer, ScoringOptions
from tests.support.cli import scorepool

FOLDER = Path(__file__).with_name("models")
OFFICIAL = json.loads((FOLDER / "sentence_vectors.json").read_text(encoding="utf-8"))
TEXTS: list[str] = OFFICIAL["texts"]
STORIES = Path(datapath("lee_background.cor")).read_text("utf-8").splitlines()[:150]


def imported(model: Path, centroids: NDArray[np.float32], folder: Path, *options: str) -> Scorer:
    """Return a scorer with a model that the command imported."""
    bundle, given = folder / "bundle", folder / "centroids.npy"
    np.save(given, centroids)
    result = scorepool("import", "--fasttext", model, "--output", bundle, "--centroids", given, *options)
    assert result.exit_code == 0, result.output
    return Scorer(open_bundle(bundle))


@pytest.mark.parametrize("name", OFFICIAL["vectors"])
def test_documents_have_the_official_sentence_vectors(name: str, tmp_path: Path) -> None:
    """By the defaults of `import`: raw news and odd texts, known and unknown words, quantised models, too."""
    expected = np.array(OFFICIAL["vectors"][name])

    embedded = imported(FOLDER / name, np.zeros((1, 9), np.float32), tmp_path).embed(TEXTS)

    np.testing.assert_allclose(embedded.doc_vectors, expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(embedded.present, expected.any(axis=1))


@pytest.mark.parametrize("kind", [FastText, Word2Vec])
def test_documents_have_the_clusters_of_a_gensim_pipeline(kind: type, tmp_path: Path) -> None:
    """K-Means on means of gensim's vectors gives every document the same cluster there and here."""
    words = [simple_preprocess(text) for text in STORIES]
    options = {"bucket": 2_000} if kind is FastText else {}
    model = kind(words, vector_size=16, min_count=2, workers=1, seed=1, **options)
    model.save(str(tmp_path / "model"))
    means = np.array([mean(model.wv, text) for text in STORIES])
    kmeans = KMeans(8, n_init=1, random_state=1).fit(means)

    scorer = imported(tmp_path / "model", kmeans.cluster_centers_, tmp_path, "--trust-pickle")
    scores = scorer.score(STORIES, ScoringOptions("none"))

    assert (scorer.bundle.manifest.tokenizer, scorer.bundle.manifest.pooling) == ("gensim", "mean")
    np.testing.assert_allclose(scores.embedded.doc_vectors, means, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(scores.assignment.labels, kmeans.labels_)


def mean(vectors: KeyedVectors, text: str) -> NDArray[np.float32]:
    """Return what users of gensim compute."""
    found: NDArray[np.float32] = np.mean(
        [vectors[w] for w in simple_preprocess(text) if w in vectors], axis=0
    )
    return found
