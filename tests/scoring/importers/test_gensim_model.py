"""Loading what gensim saved, of this version and of older ones."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from gensim.models import Doc2Vec, FastText, KeyedVectors, Word2Vec
from gensim.models.doc2vec import TaggedDocument
from gensim.test.utils import datapath

from scoring.errors import ModelError
from scoring.importers.gensim_model import read_gensim
from scoring.importers.importing import ImportOptions, import_fasttext

TRUSTED = ImportOptions(trust_pickle=True)


def fasttext(words: list[str]) -> FastText:
    """Return a tiny trained FastText model."""
    return FastText([words] * 20, vector_size=8, epochs=1, min_count=1, bucket=50, workers=1)


def test_a_trusted_gensim_model_gives_its_vectors(tmp_path: Path) -> None:
    """A FastText model and its vectors alone, as `save` wrote them, give gensim's vectors."""
    model = fasttext(["storm", "harbour", "gale"])
    model.save(str(tmp_path / "model"))
    model.wv.save(str(tmp_path / "vectors"))

    for name in ("model", "vectors"):
        imported = import_fasttext(tmp_path / name, TRUSTED)
        assert imported.words == model.wv.index_to_key
        np.testing.assert_array_equal(imported.word_vectors, model.wv.vectors)
        np.testing.assert_array_equal(imported.ngram_vectors, model.wv.vectors_ngrams)


def test_trusted_word2vec_vectors_have_no_ngrams(tmp_path: Path) -> None:
    """Plain word vectors are like a .vec file."""
    model = Word2Vec([["storm", "harbour"]] * 20, vector_size=8, min_count=1, workers=1)
    model.save(str(tmp_path / "model"))

    imported = import_fasttext(tmp_path / "model", TRUSTED)

    np.testing.assert_array_equal(imported.word_vectors, model.wv.vectors)
    assert imported.ngram_vectors is None


def test_word_vectors_of_a_doc2vec_are_taken_where_they_were_trained(tmp_path: Path) -> None:
    """Its own vectors of documents are inferred, which the mean of words is not."""
    documents = [TaggedDocument(["storm", "harbour"], [number]) for number in range(20)]
    for dm in (1, 0):
        Doc2Vec(documents, dm=dm, vector_size=8, min_count=1, epochs=1, workers=1).save(
            str(tmp_path / f"{dm}")
        )

    imported = import_fasttext(tmp_path / "1", TRUSTED)

    assert imported.word_vectors.shape == (2, 8)
    assert "documents get their mean, not `infer_vector`" in imported.warnings[0]
    with pytest.raises(ModelError, match="leaves those of words random"):
        import_fasttext(tmp_path / "0", TRUSTED)


def test_words_that_are_not_utf8_are_kept_with_a_warning(tmp_path: Path) -> None:
    """Gensim can read them so that they cannot be written again; a NUL ends words in a vocabulary."""
    for name, word in (("surrogate", "caf\udce9"), ("nul", "caf\0")):
        vectors = KeyedVectors(2)
        vectors.add_vectors([word, "storm"], np.ones((2, 2), dtype=np.float32))
        vectors.save(str(tmp_path / name))

    imported = import_fasttext(tmp_path / "surrogate", TRUSTED)

    assert imported.words == ["caf\\udce9", "storm"]
    assert imported.undecodable == {"caf\\udce9"}
    assert "1 word is not UTF-8, so no text can have them" in imported.warnings[0]
    with pytest.raises(ModelError, match="holds the character NUL"):
        import_fasttext(tmp_path / "nul", TRUSTED)


@pytest.mark.parametrize(
    ("array", "place"), [("vectors_vocab", "the word 'harbour'"), ("vectors_ngrams", "the n-gram bucket 1")]
)
def test_a_number_that_is_not_finite_is_named(tmp_path: Path, array: str, place: str) -> None:
    """As a fault of the model, and not of a bundle that cannot be written."""
    vectors = fasttext(["harbour", "storm"]).wv
    damaged = getattr(vectors, array).copy()
    damaged[vectors.key_to_index["harbour"] if array == "vectors_vocab" else 1, 2] = np.nan
    setattr(vectors, array, damaged)
    vectors.save(str(tmp_path / "model"))

    with pytest.raises(ModelError, match=f"{tmp_path / 'model'}: the vector of {place} holds NaN"):
        import_fasttext(tmp_path / "model", TRUSTED)


@pytest.mark.parametrize("kind", ["fasttext", "word2vec"])
def test_large_arrays_may_lie_beside_the_model(tmp_path: Path, kind: str) -> None:
    """Gensim saves arrays in files of their own; when one is missing, it is named."""
    sentences = [["storm", "harbour"]] * 20
    model = fasttext(sentences[0]) if kind == "fasttext" else Word2Vec(sentences, vector_size=8, min_count=1)
    model.wv.save(str(tmp_path / "model"), sep_limit=0)

    vectors = read_gensim(tmp_path / "model")

    np.testing.assert_array_equal(vectors.word_vectors, model.wv.vectors)
    missing = min(tmp_path.glob("model.*.npy"))
    missing.unlink()
    with pytest.raises(ModelError, match=f"needs the file {missing} beside it"):
        read_gensim(tmp_path / "model")


def test_a_compressed_model_is_loaded(tmp_path: Path) -> None:
    """Gensim writes gzip when the name ends so."""
    model = fasttext(["storm", "harbour"])
    model.wv.save(str(tmp_path / "model.gz"))

    vectors = import_fasttext(tmp_path / "model.gz", TRUSTED)

    np.testing.assert_array_equal(vectors.word_vectors, model.wv.vectors)


@pytest.mark.parametrize(
    ("name", "words"),
    [("word2vec_3.3", 4), ("model-from-gensim-3.8.0.w2v", 3), ("compatible-hash-true.model", 22)],
)
def test_models_of_older_versions_are_loaded(name: str, words: int) -> None:
    """Those that gensim itself can still read."""
    vectors = import_fasttext(Path(datapath(name)), TRUSTED)

    assert len(vectors.words) == words
    assert np.isfinite(vectors.word_vectors).all()


@pytest.mark.parametrize(
    "name",
    [
        "lee_fasttext",
        "fasttext_old",
        "ft_kv_3.6.0.model.gz",
        "w2v-lee-v0.12.0",
        "word2vec_pre_kv_sep_py3",
        "doc2vec_old",
    ],
)
def test_a_model_that_is_too_old_says_how_to_save_it_again(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """In one sentence; what gensim and NumPy print about old models is kept back."""
    with pytest.raises(ModelError, match=r"load it with gensim 3\.8\.3 and save it there") as raised:
        import_fasttext(Path(datapath(name)), TRUSTED)

    assert "save_facebook_model" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("content", [pickle.dumps({"a": 1}), pickle.dumps(1)[:-1], b"\x80\x04garbage"])
def test_a_pickle_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    """Another object, or a damaged pickle, is one sentence too."""
    path = tmp_path / "model"
    path.write_bytes(content)

    with pytest.raises(ModelError, match=str(path)):
        import_fasttext(path, TRUSTED)


@pytest.mark.parametrize("keys", [[], [1, 2]])
def test_vectors_without_words_are_refused(tmp_path: Path, keys: list[int]) -> None:
    """Gensim allows keys that are numbers."""
    vectors = KeyedVectors(3)
    vectors.add_vectors(keys, np.ones((len(keys), 3), np.float32))
    vectors.save(str(tmp_path / "model"))

    with pytest.raises(ModelError, match="holds a KeyedVectors without words"):
        read_gensim(tmp_path / "model")
