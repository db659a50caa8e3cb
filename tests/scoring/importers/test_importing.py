"""Importing models of other libraries: what is read, what is refused, what vectors the bundle gives."""

import bz2
import gzip
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from gensim.models import FastText
from gensim.models.fasttext import load_facebook_vectors
from gensim.test.utils import datapath
from sklearn.cluster import KMeans

from scoring.bundle.bundle import open_bundle, write_bundle
from scoring.embedding.embedder import Embedder
from scoring.errors import CorpusError, ModelError
from scoring.importers.centroids import import_centroids
from scoring.importers.importing import ImportOptions, build_model, import_fasttext
from scoring.texts.corpus import read_corpus
from scoring.tokens.tokenizer import Tokenizer
from scoring.training.fit import FittingOptions

BIN = Path(datapath("lee_fasttext_new.bin"))
VEC = Path(datapath("lee_fasttext.vec"))
CORPUS = Path(datapath("lee_background.cor"))
FOLDER = Path(__file__).with_name("models")
TRUSTED = ImportOptions(trust_pickle=True)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Return the first hundred stories of the Lee background corpus."""
    return list(read_corpus(CORPUS))[:100]


def fasttext(words: list[str]) -> FastText:
    """Return a tiny trained FastText model."""
    return FastText([words] * 20, vector_size=8, epochs=1, min_count=1, bucket=50, workers=1)


# --- vectors


def test_formats_are_recognised_by_content(tmp_path: Path) -> None:
    """A .bin needs no suffix, a .vec can have any but .bin, and only a .bin has n-grams."""
    (tmp_path / "model").write_bytes(BIN.read_bytes())
    (tmp_path / "model.txt").write_bytes(VEC.read_bytes())

    assert import_fasttext(tmp_path / "model").ngram_vectors is not None
    assert import_fasttext(tmp_path / "model.txt").ngram_vectors is None


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("model.bin", BIN.read_bytes()[:5_000], "is cut off"),
        ("model.bin", b"garbage", "is cut off"),
        ("model.bin", b"", "is empty"),
        ("model.vec", b"1 2\nword 1\n", "line 2: the vector of 'word' has length 1, due is 2"),
        ("model.vec", b"", "is empty"),
        ("model.vec.gz", b"\x1f\x8b\x08\0\0\0\0", "is a gzip file that is damaged or cut off"),
        (
            "model.vec.gz",
            gzip.compress(b"2 2\na 1 2\nb 1 2\n")[:-9],
            "is a gzip file that is damaged or cut off",
        ),
        ("model.bin.gz", gzip.compress(BIN.read_bytes())[:-9], "is a gzip file that is damaged or cut off"),
        ("model.bin.gz", gzip.compress(b""), "is empty"),
        ("model.vec.zip", b"PK\x03\x04\0\0\0\0", "is a zip archive; unpack it first"),
        ("model.vec.bz2", bz2.compress(b"2 2\n"), "is compressed by bzip2; unpack it first"),
        ("model.vec.zst", b"\x28\xb5\x2f\xfd\0\0", "is compressed by zstd; unpack it first"),
        ("model", b"\0\1\2\3", "is neither a fastText .bin, nor .vec text"),
        ("model", pickle.dumps({"not": "loaded"}), "is a pickle, which runs code on loading"),
    ],
)
def test_a_fault_is_one_sentence_with_the_file(tmp_path: Path, name: str, content: bytes, fault: str) -> None:
    """Every error begins with the file's name."""
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(ModelError, match=fault) as raised:
        import_fasttext(path)

    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("missing", ["nowhere.bin", "."])
def test_an_unreadable_file_is_named(tmp_path: Path, missing: str) -> None:
    """A missing file and a folder are refused by name."""
    with pytest.raises(ModelError, match="cannot be read"):
        import_fasttext(tmp_path / missing)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """As a shell makes for `<(zcat model.vec.gz)`; its beginning would be gone after a look at it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    for read in (import_fasttext, import_centroids):
        with pytest.raises(ModelError, match=f"{pipe}: is a pipe, and is read more than once"):
            read(pipe)


def test_a_pickle_is_not_loaded_without_trust(tmp_path: Path) -> None:
    """Loading a pickle runs its author's code: here it would write a file."""

    class Payload:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return Path.touch, (tmp_path / "ran",)

    path = tmp_path / "model"
    path.write_bytes(pickle.dumps(Payload()))

    with pytest.raises(ModelError):
        import_fasttext(path)

    assert not (tmp_path / "ran").exists()


def test_a_limit_keeps_the_most_frequent_words() -> None:
    """Of a `.bin` and of text; the n-grams stay, so the other words are unknown ones."""
    whole = import_fasttext(BIN)
    assert whole.counts is not None

    some = import_fasttext(BIN, ImportOptions(limit=50))

    assert some.counts is not None
    assert len(some.words) == len(some.word_vectors) == 50
    assert some.counts.min() >= np.sort(whole.counts)[-50]
    rows = [list(whole.words).index(word) for word in some.words]
    np.testing.assert_array_equal(some.word_vectors, np.asarray(whole.word_vectors)[rows])
    np.testing.assert_array_equal(some.ngram_vectors, whole.ngram_vectors)
    assert import_fasttext(VEC, ImportOptions(limit=50)).words == import_fasttext(VEC).words[:50]


def test_progress_passes_every_stage() -> None:
    """Words, the check of all vectors, and the composition of words from n-grams, each up to its end."""
    steps: dict[str, tuple[int, int]] = {}

    vectors = import_fasttext(BIN, progress=lambda stage, done, total: steps.update({stage: (done, total)}))

    words, rows = len(vectors.words), len(vectors.words) + len(vectors.ngram_vectors or ())
    assert steps == {"words": (words, words), "check": (rows, rows), "compose": (words, words)}


def test_a_warning_names_the_file(tmp_path: Path) -> None:
    """It is data; a command prints it."""
    path = tmp_path / "model.vec"
    path.write_text("2 2\na 1 2\n")

    vectors = import_fasttext(path)

    assert vectors.warnings == (f"{path}: holds 1 word, its first line promises 2; is it cut off?",)


def test_words_that_look_alike_are_kept_once(tmp_path: Path) -> None:
    """A byte that is not UTF-8 and its escape are the same word to us; gensim keeps the first as well."""
    content = (FOLDER / "skipgram.bin").read_bytes()
    damaged = content.replace(b"\0company\0", b"\0caf\\xe9\0")
    (tmp_path / "model.bin").write_bytes(damaged)

    vectors = import_fasttext(tmp_path / "model.bin")

    assert len(vectors.words) == len(vectors.word_vectors) == 430
    assert any("1 word is repeated; the first of each is kept" in warning for warning in vectors.warnings)


# --- models


def test_a_bundle_of_an_imported_model_answers_as_gensim(tmp_path: Path, texts: list[str]) -> None:
    """Pooling by mean, known and unknown words together, equals the mean of gensim's vectors."""
    oracle = load_facebook_vectors(str(BIN))
    model = build_model(
        import_fasttext(BIN), FittingOptions("lee", "mean"), centroids=np.zeros((1, 10), "f4")
    )
    write_bundle(tmp_path / "bundle", model)

    embedded = Embedder(open_bundle(tmp_path / "bundle")).embed(texts)

    expected = [np.mean([oracle[word] for word in Tokenizer().tokenize(text)], axis=0) for text in texts]
    assert not all(word in oracle.key_to_index for text in texts for word in Tokenizer().tokenize(text))
    np.testing.assert_allclose(embedded.doc_vectors, expected, atol=1e-5)


def test_without_a_corpus_nothing_is_known_of_distances_and_terms() -> None:
    """Given centroids are kept as they are; quantiles and terms are left out."""
    centroids = np.ones((3, 10), np.float32)

    model = build_model(import_fasttext(BIN), FittingOptions("lee", "mean"), centroids=centroids)

    assert model.centroids is centroids
    assert model.distance_quantiles is None
    assert not model.terms
    assert model.word_weights is None


def test_clusters_are_fitted_to_a_corpus(texts: list[str]) -> None:
    """With a corpus come clusters, quantiles, terms, and facts about it."""
    model = build_model(import_fasttext(BIN), FittingOptions("lee", "mean", clusters=4), texts=texts)

    assert model.centroids.shape == (4, 10)
    assert model.distance_quantiles is not None
    assert [len(terms) > 0 for terms in model.terms] == [True] * 4
    assert model.training["documents"] == len(texts)


def test_given_centroids_are_described_by_a_corpus(tmp_path: Path, texts: list[str]) -> None:
    """An existing K-Means stays as it was and gets quantiles and terms; its clusters are KMeans.predict's."""
    options = FittingOptions("lee", "mean")
    vectors = import_fasttext(BIN)
    write_bundle(tmp_path / "b", build_model(vectors, options, centroids=np.zeros((1, 10), np.float32)))
    doc_vectors = Embedder(open_bundle(tmp_path / "b")).embed(texts).doc_vectors
    fitted = KMeans(5, random_state=0).fit(doc_vectors)

    model = build_model(vectors, options, texts=texts, centroids=fitted.cluster_centers_)

    farthest = [
        np.linalg.norm(doc_vectors[fitted.labels_ == c] - fitted.cluster_centers_[c], axis=1).max()
        for c in range(5)
    ]
    assert model.distance_quantiles is not None
    np.testing.assert_allclose(model.distance_quantiles[:, -1], farthest, rtol=1e-4)


def test_sif_takes_its_frequencies_from_the_corpus(texts: list[str]) -> None:
    """Frequent words weigh little, words that the corpus does not have weigh 1."""
    vectors = import_fasttext(BIN)

    model = build_model(vectors, FittingOptions("lee", "sif", clusters=2), texts=[*texts[:50], "zebra"])

    assert model.word_weights is not None
    assert model.components is not None
    weights = dict(zip(model.words, model.word_weights, strict=True))
    assert weights["the"] < 0.1
    assert max(weights.values()) == 1.0
    assert model.components.shape == (1, 10)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (FittingOptions("x", "sif"), "needs a corpus, for the frequencies"),
        (FittingOptions("x", "mean"), "give either centroids or a corpus"),
    ],
)
def test_what_cannot_be_known_without_a_corpus_is_refused(options: FittingOptions, fault: str) -> None:
    """Weights and clusters need texts to be fitted to."""
    with pytest.raises(ModelError, match=fault):
        build_model(import_fasttext(VEC), options)


def test_a_corpus_of_unknown_words_is_refused() -> None:
    """Without n-grams a document of unknown words has no vector; when all are, there is nothing to fit."""
    with pytest.raises(CorpusError, match="no word of the corpus is known to the model; documents: 2"):
        build_model(import_fasttext(VEC), FittingOptions("x", "mean"), texts=["zzzz", "yyyy"])


def test_words_that_are_never_tokens_are_kept() -> None:
    """Imported words with punctuation or capitals stay in the bundle, unreachable and harmless."""
    vectors = import_fasttext(Path(datapath("pang_lee_polarity_fasttext.vec")))

    assert "." in vectors.words
    assert len(vectors.words) == 1694
