"""Reading fastText's .bin files, whole and damaged; gensim is the oracle."""

import contextlib
import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from gensim.models.fasttext import load_facebook_vectors
from gensim.test.utils import datapath

from scoring.embedding.ngrams import sum_ngrams
from scoring.errors import ModelError
from scoring.importers.fasttext_bin import read_fasttext_bin
from scoring.importers.model_file import ModelFile
from scoring.training.word_vectors import WordVectors

# Of each kind: new and old header, one column and many, words that are not ASCII or not even UTF-8.
MODELS = [
    "crime-and-punishment.bin",
    "lee_fasttext.bin",
    "lee_fasttext_new.bin",
    "non_ascii_fasttext.bin",
    "cp852_fasttext.bin",
    "toy-model-pretrained.bin",
]
# Files of the official command line, and the vectors that the official library gives; see the folder's README.
FOLDER = Path(__file__).with_name("models")
OFFICIAL: dict[str, dict[str, list[float]]] = json.loads((FOLDER / "word_vectors.json").read_text())
# Offsets in a file with the new header: 2 ints of magic and version, then 12 ints and a double.
DIMENSIONS, MODEL, BUCKET = 8, 8 + 4 * 7, 8 + 4 * 8
DICTIONARY = 8 + 4 * 12 + 8


@pytest.fixture
def content() -> bytes:
    """Return a small good file."""
    return Path(datapath("crime-and-punishment.bin")).read_bytes()


def read_file(path: str | Path) -> WordVectors:
    """Read a file."""
    return read_fasttext_bin(ModelFile(Path(path)))


def read(path: Path, content: bytes) -> WordVectors:
    """Read `content` as a file."""
    path.write_bytes(content)
    return read_file(path)


@pytest.mark.parametrize("name", MODELS)
def test_words_and_final_vectors_are_those_of_gensim(name: str) -> None:
    """Words, counts, word vectors and n-gram vectors agree with gensim's reader."""
    expected = load_facebook_vectors(datapath(name))

    read = read_file(datapath(name))

    assert read.words == expected.index_to_key
    assert (read.min_n, read.max_n) == (expected.min_n, expected.max_n)
    assert read.ngram_vectors is not None
    assert read.counts is not None
    assert read.counts.tolist() == [expected.get_vecattr(word, "count") for word in read.words]
    # gensim gives the end of a sentence n-grams, which fastText does not.
    words = np.array([word != "</s>" for word in read.words])
    np.testing.assert_allclose(np.asarray(read.word_vectors)[words], expected.vectors[words], atol=1e-6)
    np.testing.assert_array_equal(read.ngram_vectors, expected.vectors_ngrams)


def test_a_supervised_model_is_refused() -> None:
    """Its word vectors are trained to predict its labels, not its words."""
    with pytest.raises(ModelError, match="is a supervised fastText model"):
        read_file(datapath("pang_lee_polarity_fasttext.bin"))


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
        (DICTIONARY + 4, -1, "its dictionary"),
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


@pytest.mark.parametrize("name", sorted(OFFICIAL))
def test_vectors_are_those_of_the_official_library(name: str) -> None:
    """Of known words, the end of a sentence, words with capitals, spaces or accents, and unknown words.

    Trained by skipgram and cbow, with and without n-grams, with pretrained vectors, quantised with and without norms;
    each has a label in its dictionary.
    """
    vectors = read_file(FOLDER / name)

    rows = {word: row for row, word in enumerate(vectors.words)}
    for word, expected in OFFICIAL[name].items():
        if word in rows:
            vector = vectors.word_vectors[rows[word] : rows[word] + 1][0]
        elif vectors.ngram_vectors is not None:
            sums, counts = sum_ngrams([word], vectors.ngram_vectors, vectors.min_n, vectors.max_n)
            vector = sums[0] / max(1, counts[0])
        else:
            vector = np.zeros(9)
        np.testing.assert_allclose(vector, expected, rtol=1e-5, atol=1e-6, err_msg=word)


def test_a_label_in_the_dictionary_is_left_out() -> None:
    """Training without labels keeps words that look like one apart, and gives them no vector."""
    vectors = read_file(FOLDER / "skipgram.bin")

    assert b"__label__news" in (FOLDER / "skipgram.bin").read_bytes()
    assert len(vectors.words) == len(vectors.word_vectors) == 431
    assert not any(word.startswith("__label__") for word in vectors.words)


def test_a_word_that_is_not_utf8_is_kept_with_a_warning() -> None:
    """Its bytes are escaped as in gensim; no text can have it."""
    vectors = read_file(FOLDER / "skipgram.bin")

    assert "caf\\xe9" in vectors.words
    assert vectors.warnings == ("1 word is not UTF-8, so no text can have them",)


def test_a_model_without_subwords_has_no_ngrams() -> None:
    """With `-maxn 0` fastText sets the buckets to 0."""
    vectors = read_file(FOLDER / "no_subwords.bin")

    assert vectors.ngram_vectors is None
    assert not vectors.max_n


def test_a_pruned_model_is_refused() -> None:
    """Where n-grams were left out, the others' buckets are renumbered, which a bundle cannot hold."""
    with pytest.raises(ModelError, match=r"is pruned \(quantize -cutoff\).*use the \.bin"):
        read_file(FOLDER / "pruned.ftz")


@pytest.mark.parametrize("name", ["with_norms.ftz", "with_output.ftz"])
def test_every_truncation_of_a_quantised_model_is_refused(tmp_path: Path, name: str) -> None:
    """A file that ends anywhere too early is a ModelError."""
    content = (FOLDER / name).read_bytes()

    for size in range(8_000, len(content), 997):
        with pytest.raises(ModelError):
            read(tmp_path / "model.ftz", content[:size])


@pytest.mark.parametrize("name", ["with_norms.ftz", "skipgram.bin"])
def test_no_changed_byte_is_more_than_a_model_error(tmp_path: Path, name: str) -> None:
    """Whatever is changed in headers, sizes and codes, the file is read or refused."""
    content = (FOLDER / name).read_bytes()
    random = np.random.default_rng(3)

    for place in [*range(90), *random.integers(90, len(content), 100).tolist()]:
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        with contextlib.suppress(ModelError):
            vectors = read(tmp_path / "model.ftz", bytes(damaged))
            assert np.isfinite(vectors.word_vectors[:3]).all()


@pytest.mark.parametrize(
    ("row", "name"), [(0, "the vector of the word 'the'"), (431 + 7, "the vector of the n-gram bucket 7")]
)
def test_a_number_that_is_not_finite_is_named(tmp_path: Path, row: int, name: str) -> None:
    """The word or the n-gram whose vector is damaged, before anything is written."""
    damaged = bytearray((FOLDER / "skipgram.bin").read_bytes())
    start = damaged.index(struct.pack("<2q", 431 + 300, 9)) + 16
    struct.pack_into("<f", damaged, start + 4 * 9 * row, float("nan"))

    with pytest.raises(ModelError, match=f"{name} holds NaN"):
        read(tmp_path / "model.bin", bytes(damaged))


def test_gzip_is_read_as_the_file_itself(tmp_path: Path) -> None:
    """Vectors of a compressed file are read from a temporary one."""
    expected = read_file(FOLDER / "skipgram.bin")

    vectors = read(tmp_path / "model.bin.gz", gzip.compress((FOLDER / "skipgram.bin").read_bytes()))

    assert vectors.words == expected.words
    np.testing.assert_array_equal(vectors.word_vectors, expected.word_vectors)
    np.testing.assert_array_equal(vectors.ngram_vectors, expected.ngram_vectors)


@pytest.mark.parametrize("garbage", [b"x", b"\0" * 5_000, b"\xff" * 5_000, b"2747 10\nthe 0.1 0.2\n" * 99])
def test_garbage_is_refused(tmp_path: Path, garbage: bytes) -> None:
    """Files that are not fastText's are refused as such, or as cut off."""
    with pytest.raises(ModelError):
        read(tmp_path / "model.bin", garbage)
