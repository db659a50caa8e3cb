"""Document vectors: gensim is the oracle for `mean`, the published formula in float64 for `sif`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from gensim.models import FastText
from gensim.models.fasttext import FastTextKeyedVectors, load_facebook_vectors
from gensim.test.utils import datapath
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.bundle.bundle import open_bundle, write_bundle
from scoring.bundle.model import Model
from scoring.embedding.embedder import Embedder
from scoring.embedding.norms import inverse_norms
from scoring.tokens.tokenizer import Tokenizer


class Open(Protocol):
    """Publishes a model and opens an embedder with it."""

    def __call__(self, model: Model, *, cache_bytes: int = ...) -> Embedder:
        """Return the embedder."""


@dataclass(frozen=True)
class Trained:
    """A small FastText model in gensim, and the same as a model with pooling `mean`."""

    oracle: FastTextKeyedVectors
    model: Model

    def mean(self, text: str) -> NDArray[np.float32]:
        """Return what a gensim user computes."""
        vectors: NDArray[np.float32] = np.mean(
            [self.oracle[token] for token in Tokenizer().tokenize(text)], axis=0
        )
        return vectors


def as_model(vectors: FastTextKeyedVectors) -> Model:
    """Return gensim's vectors as a model with one cluster."""
    return Model(
        name="test",
        words=vectors.index_to_key,
        word_vectors=vectors.vectors,
        centroids=vectors.vectors[:1],
        ngram_vectors=vectors.vectors_ngrams,
        min_n=vectors.min_n,
        max_n=vectors.max_n,
    )


def lee(name: str, encoding: str) -> list[str]:
    """Return a corpus of news that ships with gensim."""
    return Path(datapath(name)).read_text(encoding).splitlines()


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Return 350 news texts, the first 50 of which no model was trained on."""
    return lee("lee.cor", "latin-1") + lee("lee_background.cor", "utf-8")


@pytest.fixture(scope="module")
def trained(texts: list[str]) -> Trained:
    """Train a model that knows only words seen three times or more, so that many are unknown to it."""
    corpus = [Tokenizer().tokenize(text) for text in texts[50:]]
    oracle = FastText(corpus, vector_size=20, min_count=3, bucket=3_000, epochs=1, seed=1, workers=1).wv
    return Trained(oracle, as_model(oracle))


@pytest.fixture(scope="module")
def embedder_of(tmp_path_factory: pytest.TempPathFactory) -> Open:
    """Return a function that publishes a model and opens an embedder with it."""

    def publish(model: Model, *, cache_bytes: int = 1 << 20) -> Embedder:
        path = tmp_path_factory.mktemp("bundle") / "bundle"
        write_bundle(path, model)
        return Embedder(open_bundle(path), cache_bytes=cache_bytes)

    return publish


@pytest.fixture(scope="module")
def embedder(trained: Trained, embedder_of: Open) -> Embedder:
    """Return an embedder with pooling `mean`, shared by tests: its caches have seen other texts."""
    return embedder_of(trained.model)


def sif_model(model: Model, components: int) -> Model:
    """Return the model with weights and orthonormal components that suit no corpus, but any formula."""
    random = np.random.default_rng(1)
    directions, _ = np.linalg.qr(random.normal(size=(model.word_vectors.shape[1], components)))
    weights = random.uniform(0.1, 1, len(model.words)).astype(np.float32)
    return replace(
        model,
        pooling="sif",
        word_weights=weights,
        unknown_weight=0.5,
        components=directions.T.astype(np.float32),
    )


def fasttext_model(model: Model) -> Model:
    """Return the model with the pooling weights of `fasttext`; two of its words have a vector of zeros."""
    word_vectors = np.array(model.word_vectors)
    word_vectors[[3, 7]] = 0
    weights = inverse_norms(word_vectors)
    return replace(model, pooling="fasttext", word_vectors=word_vectors, word_weights=weights)


def sif(trained: Trained, model: Model, text: str) -> NDArray[np.float64]:
    """Return the formula of smooth inverse frequency pooling, word by word in float64."""
    assert model.word_weights is not None
    assert model.components is not None
    weights = dict(zip(model.words, model.word_weights.astype(np.float64), strict=True))
    tokens = Tokenizer().tokenize(text)
    weighted = [weights.get(token, model.unknown_weight) * trained.oracle[token] for token in tokens]
    mean: NDArray[np.float64] = np.mean(np.array(weighted, dtype=np.float64), axis=0)
    components = model.components.astype(np.float64)
    return mean - components.T @ (components @ mean)


def test_mean_pooling_equals_gensim(trained: Trained, embedder: Embedder, texts: list[str]) -> None:
    """On real texts with known and unknown words a vector is the mean of gensim's word vectors."""
    embedded = embedder.embed(texts)

    assert embedded.known.sum() < embedded.tokens.sum()
    expected = np.array([trained.mean(text) for text in texts])
    np.testing.assert_allclose(embedded.doc_vectors, expected, rtol=0, atol=1e-5)


def test_unknown_words_equal_gensim_bit_for_bit(trained: Trained, embedder: Embedder) -> None:
    """A single unknown word has gensim's own vector: ASCII, accented, of another script, short and long."""
    words = ["stormsurge", "mésalliance", "непогода", "暴風雨", "𐐨𐐩𐐪", "q", "x" * 64]

    vectors = embedder.embed(words).doc_vectors

    np.testing.assert_array_equal(vectors, [trained.oracle[word] for word in words])


@pytest.mark.parametrize(
    "file", ["lee_fasttext_new.bin", "crime-and-punishment.bin", "non_ascii_fasttext.bin"]
)
def test_models_of_the_official_fasttext_give_the_same_vectors(file: str, embedder_of: Open) -> None:
    """Models that the C++ fastText trained are pooled as gensim pools them."""
    oracle = load_facebook_vectors(datapath(file))
    model = as_model(oracle)
    text = "Harbour shut by gales; " + " ".join(oracle.index_to_key)

    vectors = embedder_of(model).embed([text]).doc_vectors

    np.testing.assert_allclose(vectors[0], Trained(oracle, model).mean(text), rtol=0, atol=1e-5)


@pytest.mark.parametrize("components", [0, 1, 3])
def test_sif_pooling_follows_the_formula(
    components: int, trained: Trained, embedder_of: Open, texts: list[str]
) -> None:
    """Weighted means over all tokens, less the projections on the components."""
    model = sif_model(trained.model, components)

    vectors = embedder_of(model).embed(texts[:60]).doc_vectors

    expected = [sif(trained, model, text) for text in texts[:60]]
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-6)


def test_fasttext_pooling_is_the_mean_of_unit_vectors(
    trained: Trained, embedder_of: Open, texts: list[str]
) -> None:
    """As the official sentence vector: known and unknown words count alike, those with a vector of zeros do not."""
    model = fasttext_model(replace(trained.model, min_n=5, max_n=6))
    oracle = dict(zip(model.words, np.asarray(model.word_vectors), strict=True))
    unknown = embedder_of(replace(trained.model, min_n=5, max_n=6))
    texts = [*texts[:60], "qx storm", "zq xj", "stormsurge qx"]

    embedded = embedder_of(model).embed(texts)

    for text, vector in zip(texts, embedded.doc_vectors, strict=True):
        words = [
            oracle[word] if word in oracle else unknown.embed([word]).doc_vectors[0]
            for word in Tokenizer().tokenize(text)
        ]
        units = [word / np.linalg.norm(word) for word in words if word.any()]
        np.testing.assert_allclose(vector, np.mean(units or [np.zeros(20)], axis=0), rtol=0, atol=1e-6)
    assert embedded.present.tolist() == [True] * 61 + [False, True]
    assert embedded.tokens[-3:].tolist() == [2, 2, 2]
    assert embedded.known[-3:].tolist() == [1, 0, 0]


def test_unknown_words_are_left_out_without_ngrams(
    trained: Trained, embedder_of: Open, texts: list[str]
) -> None:
    """In a model without n-grams the mean runs over the known words only."""
    embedder = embedder_of(replace(trained.model, ngram_vectors=None))

    embedded = embedder.embed([*texts[:20], "qqqq xxxx"])

    for text, vector in zip(texts[:20], embedded.doc_vectors, strict=False):
        known = [
            trained.oracle[token]
            for token in Tokenizer().tokenize(text)
            if token in trained.oracle.key_to_index
        ]
        np.testing.assert_allclose(vector, np.mean(known, axis=0), rtol=0, atol=1e-5)
    assert embedded.present.tolist() == [True] * 20 + [False]
    assert embedded.tokens[-1] == 2


def test_tokens_and_known_words_are_counted(trained: Trained, embedder: Embedder, texts: list[str]) -> None:
    """Counts are those of the tokens, one by one."""
    embedded = embedder.embed(texts)

    tokens = [Tokenizer().tokenize(text) for text in texts]
    known = [sum(token in trained.oracle.key_to_index for token in document) for document in tokens]
    assert embedded.tokens.tolist() == [len(document) for document in tokens]
    assert embedded.known.tolist() == known


@pytest.mark.parametrize("text", ["", " \n", "2024-01-31 08:15", "½ ² Ⅷ", "a" * 65, "😀"])
def test_a_text_without_tokens_has_no_vector(text: str, embedder: Embedder) -> None:
    """Such a text has zeros, no tokens, is not present, and does not touch its neighbours."""
    embedded = embedder.embed([text, "storm", text])

    assert embedded.present.tolist() == [False, True, False]
    assert embedded.tokens.tolist() == [0, 1, 0]
    assert not embedded.doc_vectors[[0, 2]].any()
    assert embedded.doc_vectors[1].any()


def test_no_texts_are_no_vectors(embedder: Embedder) -> None:
    """An empty batch has an empty array (0, d)."""
    assert embedder.embed([]).doc_vectors.shape == (0, 20)


WORDS = [
    "storm",
    "harbour",
    "the",
    "of",
    "qx",
    "incomprehensibilities",
    "élan",
    "непогода",
    "x" * 65,
    "7",
    "😀",
]
TEXT = st.one_of(st.lists(st.sampled_from(WORDS)).map(" ".join), st.text())


@settings(max_examples=50)
@given(batch=st.lists(TEXT, max_size=8), data=st.data())
def test_a_document_is_the_same_in_any_batch(
    batch: list[str], data: st.DataObject, embedder: Embedder, texts: list[str]
) -> None:
    """Alone, permuted or among others, a document has the same bits, and all of them are finite numbers."""
    batch = batch + texts[:2]
    order = data.draw(st.permutations(range(len(batch))))

    together = embedder.embed(batch)

    alone = [embedder.embed([text]) for text in batch]
    permuted = embedder.embed([batch[index] for index in order])
    np.testing.assert_array_equal(together.doc_vectors, np.concatenate([one.doc_vectors for one in alone]))
    np.testing.assert_array_equal(together.doc_vectors[order], permuted.doc_vectors)
    np.testing.assert_array_equal(together.known[order], permuted.known)
    assert np.isfinite(together.doc_vectors).all()


def test_components_are_removed_alike_in_any_batch(
    trained: Trained, embedder_of: Open, texts: list[str]
) -> None:
    """The projection of a document does not depend on how many others there are."""
    embedder = embedder_of(sif_model(trained.model, 2))

    together = embedder.embed(texts[:40]).doc_vectors

    alone = [embedder.embed([text]).doc_vectors[0] for text in texts[:40]]
    np.testing.assert_array_equal(together, alone)


def test_a_large_batch_is_cut_into_blocks(embedder: Embedder, texts: list[str]) -> None:
    """A batch of megabytes, one document of which is longer than a block, equals its parts."""
    batch = [*texts, " ".join(texts), "", *texts * 5]

    large = embedder.embed(batch)

    small = embedder.embed(texts)
    np.testing.assert_array_equal(large.doc_vectors[: len(texts)], small.doc_vectors)
    np.testing.assert_array_equal(large.doc_vectors[-len(texts) :], small.doc_vectors)
    assert large.tokens[len(texts)] == small.tokens.sum()


def test_unknown_words_are_dropped_and_computed_again(
    trained: Trained, embedder_of: Open, texts: list[str]
) -> None:
    """An embedder with room for a few unknown words gives the vectors of one with room for all."""
    embedder = embedder_of(trained.model, cache_bytes=4_000)

    vectors = [embedder.embed([text]).doc_vectors[0] for text in texts[:50]]

    np.testing.assert_allclose(vectors, [trained.mean(text) for text in texts[:50]], rtol=0, atol=1e-5)
