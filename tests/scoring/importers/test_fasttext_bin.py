"""Reading fastText's .bin files, whole and damaged; gensim is the oracle."""

import struct
from pathlib import Path

import numpy as np
import pytest
from gensim.models.fasttext import load_facebook_vectors
from gensim.test.utils import datapath

from scoring.errors import ModelError
from scoring.importers.fasttext_bin import read_fasttext_bin

# Of each kind: new and old header, one column and many, words that are not ASCII or not even UTF-8.
MODELS = [
    "crime-and-punishment.bin",
    "lee_fasttext.bin",
    "lee_fasttext_new.bin",
    "non_ascii_fasttext.bin",
    "cp852_fasttext.bin",
    "toy-model-pretrained.bin",
]
# Offsets in a file with the new header: 2 ints of magic and version, then 12 ints and a double.
DIMENSIONS, MODEL, BUCKET = 8, 8 + 4 * 7, 8 + 4 * 8
DICTIONARY = 8 + 4 * 12 + 8


@pytest.fixture
def content() -> bytes:
    """Return a small good file."""
    return Path(datapath("crime-and-punishment.bin")).read_bytes()


def read(path: Path, content: bytes) -> None:
    """Read `content` as a file."""
    path.write_bytes(content)
    read_fasttext_bin(path)


@pytest.mark.parametrize("name", MODELS)
def test_words_and_final_vectors_are_those_of_gensim(name: str) -> None:
    """Words, counts, word vectors and n-gram vectors agree with gensim's reader."""
    expected = load_facebook_vectors(datapath(name))

    read = read_fasttext_bin(Path(datapath(name)))

    assert read.words == expected.index_to_key
    assert (read.min_n, read.max_n) == (expected.min_n, expected.max_n)
    assert read.ngram_vectors is not None
    assert read.counts is not None
    assert read.counts.tolist() == [expected.get_vecattr(word, "count") for word in read.words]
    np.testing.assert_allclose(read.word_vectors, expected.vectors, atol=1e-6)
    np.testing.assert_array_equal(read.ngram_vectors, expected.vectors_ngrams)


def test_a_supervised_model_is_refused() -> None:
    """Its word vectors are trained to predict its labels, not its words."""
    with pytest.raises(ModelError, match="is a supervised fastText model"):
        read_fasttext_bin(Path(datapath("pang_lee_polarity_fasttext.bin")))


def test_every_truncation_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that ends anywhere too early is a ModelError, neither a hang nor a model."""
    for size in [*range(0, 4_000, 97), *range(4_000, len(content), 1_009), len(content) - 1]:
        with pytest.raises(ModelError):
            read(tmp_path / "model.bin", content[:size])


def test_what_follows_the_end_is_refused(tmp_path: Path, content: bytes) -> None:
    """A longer file is as wrong as a shorter one."""
    with pytest.raises(ModelError, match="sizes do not agree"):
        read(tmp_path / "model.bin", content + b"\0")


@pytest.mark.parametrize(
    ("offset", "value", "fault"),
    [
        (DIMENSIONS, 0, "is no fastText .bin file"),
        (DIMENSIONS, 2**31 - 1, "is no fastText .bin file"),
        (DIMENSIONS, 6, "a matrix of 391 × 5 where 6 columns are due"),
        (MODEL, 3, "is a supervised fastText model"),
        (MODEL, 9, "is no fastText .bin file"),
        (BUCKET, -1, "is no fastText .bin file"),
        (BUCKET, 99, "sizes do not agree"),
        (DICTIONARY, 2**31 - 1, "its dictionary"),
        (DICTIONARY + 4, 7, "its dictionary"),
    ],
)
def test_a_damaged_number_is_refused(
    tmp_path: Path, content: bytes, offset: int, value: int, fault: str
) -> None:
    """Every number of the header is checked."""
    damaged = bytearray(content)
    struct.pack_into("<i", damaged, offset, value)

    with pytest.raises(ModelError, match=fault):
        read(tmp_path / "model.bin", bytes(damaged))


def test_a_size_beyond_the_file_is_not_allocated(tmp_path: Path, content: bytes) -> None:
    """A matrix of a terabyte by its size is a file cut off."""
    matrix = content.index(struct.pack("<2q", 391, 5))
    damaged = bytearray(content)
    struct.pack_into("<q", damaged, matrix, 2**36)

    with pytest.raises(ModelError, match="is cut off"):
        read(tmp_path / "model.bin", bytes(damaged))


def test_a_quantised_model_is_refused(tmp_path: Path, content: bytes) -> None:
    """The flag before the matrix marks .ftz files."""
    matrix = content.index(struct.pack("<2q", 391, 5))
    damaged = bytearray(content)
    damaged[matrix - 1] = 1

    with pytest.raises(ModelError, match="quantised"):
        read(tmp_path / "model.bin", bytes(damaged))


@pytest.mark.parametrize("garbage", [b"x", b"\0" * 5_000, b"\xff" * 5_000, b"2747 10\nthe 0.1 0.2\n" * 99])
def test_garbage_is_refused(tmp_path: Path, garbage: bytes) -> None:
    """Files that are not fastText's are refused as such, or as cut off."""
    with pytest.raises(ModelError):
        read(tmp_path / "model.bin", garbage)
