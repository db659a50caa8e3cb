"""Reading word2vec's binary format; gensim is the oracle."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors
from gensim.test.utils import datapath

from scoring.errors import ModelError
from scoring.importers.importing import ImportOptions, import_fasttext
from scoring.importers.model_file import ModelFile
from scoring.importers.word2vec_binary import is_word2vec_binary, read_word2vec_binary

EUCLIDEAN = Path(datapath("euclidean_vectors.bin"))


def written(path: Path, words: list[str], dimensions: int = 5) -> KeyedVectors:
    """Write words with random vectors as gensim does."""
    vectors = KeyedVectors(dimensions)
    random = np.random.default_rng(len(words))
    vectors.add_vectors(words, random.normal(size=(len(words), dimensions)).astype(np.float32))
    vectors.save_word2vec_format(str(path), binary=True)
    return vectors


@pytest.mark.parametrize("name", ["euclidean_vectors.bin", "high_precision.kv.bin"])
def test_words_and_vectors_are_those_of_gensim(name: str) -> None:
    """Of files that gensim ships, one of them with line feeds between the words."""
    expected = KeyedVectors.load_word2vec_format(datapath(name), binary=True)

    vectors = import_fasttext(Path(datapath(name)))

    assert vectors.words == expected.index_to_key
    np.testing.assert_array_equal(vectors.word_vectors, expected.vectors)
    assert vectors.ngram_vectors is None
    assert not vectors.warnings


@pytest.mark.parametrize("name", ["model.bin", "model", "model.bin.gz"])
def test_the_format_is_recognised(tmp_path: Path, name: str) -> None:
    """By its content, plain or compressed; a name that ends in .bin helps where there is little content."""
    expected = written(tmp_path / "plain", [f"word{number}" for number in range(3_000)])
    content = (tmp_path / "plain").read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    vectors = import_fasttext(tmp_path / name)

    assert vectors.words == expected.index_to_key
    np.testing.assert_array_equal(vectors.word_vectors, expected.vectors)


def test_text_is_not_taken_for_it(tmp_path: Path) -> None:
    """A `.vec` has the same header."""
    (tmp_path / "model.vec").write_text("2 2\nnew york 1 2\nrome 3 4\n")

    assert not is_word2vec_binary(ModelFile(tmp_path / "model.vec"))
    assert is_word2vec_binary(ModelFile(EUCLIDEAN))


def test_a_file_that_is_cut_off_is_read_with_a_warning(tmp_path: Path) -> None:
    """The words that are whole are kept."""
    expected = written(tmp_path / "model.bin", ["storm", "harbour", "gale"])
    content = (tmp_path / "model.bin").read_bytes()

    for lost in (1, 20, 24):
        (tmp_path / "model.bin").write_bytes(content[:-lost])
        vectors = import_fasttext(tmp_path / "model.bin")
        assert vectors.words == ["storm", "harbour"]
        np.testing.assert_array_equal(vectors.word_vectors, expected.vectors[:2])
        assert "holds 2 words, its first line promises 3" in vectors.warnings[0]


def test_a_limit_ends_the_reading(tmp_path: Path) -> None:
    """The first words are the most frequent, and nothing is said about the others."""
    written(tmp_path / "model.bin", ["storm", "harbour", "gale"])

    vectors = import_fasttext(tmp_path / "model.bin", ImportOptions(limit=2))

    assert vectors.words == ["storm", "harbour"]
    assert not vectors.warnings


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"1 0\nword ", "has 0 dimensions, 1 to 65536 are read"),
        (b"1 99999\nword ", "has 99999 dimensions"),
        (b"1 2\n", "holds no words"),
        (b"1 2\n" + b"a" * 9_000, "a word is longer than 4096 bytes"),
        (b"1 2\nstorm \x00\x00\xc0\x7f\x00\x00\x00\x00", "word 1: the vector of 'storm' holds NaN"),
    ],
)
def test_a_fault_is_one_sentence(tmp_path: Path, content: bytes, fault: str) -> None:
    """It names the word where there is one."""
    (tmp_path / "model.bin").write_bytes(content)

    with pytest.raises(ModelError, match=fault):
        read_word2vec_binary(ModelFile(tmp_path / "model.bin"))
