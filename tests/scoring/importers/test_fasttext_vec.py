"""Reading .vec text; gensim is the oracle."""

import gzip
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors
from gensim.test.utils import datapath
from hypothesis import given
from hypothesis.strategies import characters, floats, lists, sampled_from, text

from scoring.errors import ModelError
from scoring.importers.fasttext_bin import read_fasttext_bin
from scoring.importers.fasttext_vec import read_fasttext_vec
from scoring.importers.model_file import ModelFile
from scoring.training.word_vectors import WordVectors


def read(folder: Path, content: str) -> WordVectors:
    """Read `content` as a file."""
    path = folder / "model.vec"
    path.write_text(content, encoding="utf-8")
    return read_fasttext_vec(ModelFile(path))


# gensim leaves a file without a header open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize(
    ("name", "no_header"),
    [("lee_fasttext.vec", False), ("crime-and-punishment.vec", False), ("test_glove.txt", True)],
)
def test_words_and_vectors_are_those_of_gensim(name: str, no_header: bool) -> None:
    """With a header as fastText writes it, or without as GloVe does."""
    expected = KeyedVectors.load_word2vec_format(datapath(name), no_header=no_header)

    vectors = read_fasttext_vec(ModelFile(Path(datapath(name))))

    assert vectors.words == expected.index_to_key
    np.testing.assert_array_equal(vectors.word_vectors, expected.vectors)
    assert vectors.ngram_vectors is None
    assert vectors.counts is None


def test_words_and_vectors_are_those_of_the_official_library() -> None:
    """What fastText wrote itself: spaces at the ends of lines, a no-break space in words, Latin-1 bytes."""
    folder = Path(__file__).with_name("models")
    trained = read_fasttext_bin(ModelFile(folder / "skipgram.bin"))

    vectors = read_fasttext_vec(ModelFile(folder / "skipgram.vec"))

    assert vectors.words == trained.words
    assert any("\u00a0" in word for word in vectors.words)
    # fastText makes n-grams of the bytes that are not UTF-8, which no text can have.
    sound = np.array(["caf\\xe9" not in word for word in vectors.words])
    np.testing.assert_allclose(
        np.asarray(vectors.word_vectors)[sound], np.asarray(trained.word_vectors)[sound], rtol=1e-4, atol=1e-5
    )
    assert vectors.warnings == ("1 word is not UTF-8, so no text can have them (the first in line 397)",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("2 2\nnew york 1 2\nrome 3 4\n", ["new york", "rome"]),
        ("2 2\n  1 2\nrome 3 4\n", [" ", "rome"]),
        ("2 2\n\u00a0 1 2\nnew\u00a0york 3 4\n", ["\u00a0", "new\u00a0york"]),
        ("2 2\n\u2028 1 2\n\x85 3 4\n", ["\u2028", "\x85"]),
        ("2 2\n7 1 2\n1 000 3 4\n", ["7", "1 000"]),
        ("\ufeff2 2\na 1 2\nb 3 4\n", ["a", "b"]),
        ("\ufeffa 1 2\nb 3 4\n", ["a", "b"]),
        ("2\t2\na\t1\t2\nb\t3\t4\n", ["a", "b"]),
        ("2 2\na\t1 2\nnew york\t3 4\n", ["a", "new york"]),
        ("2 2\r\na 1 2\r\nb 3 4\r\n", ["a", "b"]),
        ("2 2 \na 1 2 \nb 3 4 \n", ["a", "b"]),
        ("2 2\na 1 2\nb 3 4\n\n \n\n", ["a", "b"]),
        ("2 2\na 1 2\nb 3 4", ["a", "b"]),
        ("2 2\na 1. 2.\nb +3 4e0\n", ["a", "b"]),
    ],
)
def test_what_people_have_is_read(tmp_path: Path, content: str, words: list[str]) -> None:
    """Spaces in words and words that are spaces, BOM, tabs, CRLF, blank lines at the end: all without a warning."""
    vectors = read(tmp_path, content)

    assert vectors.words == words
    assert np.asarray(vectors.word_vectors).tolist() == [[1, 2], [3, 4]]
    assert not vectors.warnings


@pytest.mark.parametrize(
    ("content", "words", "warning"),
    [
        ("9 2\na 1 2\n", ["a"], "holds 1 word, its first line promises 9; is it cut off?"),
        ("1 2\na 1 2\nb 3 4\n", ["a", "b"], "holds 2 words, its first line promises 1"),
        ("a 1 2\nb 3 4\nc 5", ["a", "b"], "its last line, 3, is cut off and left out"),
        ("3 2\na 1 2\nb 3 4.12", ["a"], "its last line, 3, is cut off and left out"),
        ("a 1 2\nb 3 4\na 5 6\n", ["a", "b"], "1 word is repeated; the first of each is kept"),
        ("a 1 2\n 3 4\n", ["a"], r"1 word is empty and left out \(the first in line 2\)"),
    ],
)
def test_what_is_odd_is_read_with_a_warning(
    tmp_path: Path, content: str, words: list[str], warning: str
) -> None:
    """A wrong count, a file that was cut with head, repeated and empty words."""
    vectors = read(tmp_path, content)

    assert vectors.words == words
    assert np.asarray(vectors.word_vectors)[0].tolist() == [1, 2]
    assert re.search(warning, vectors.warnings[0])


def test_a_limit_ends_the_reading(tmp_path: Path) -> None:
    """The first words are the most frequent; what follows is not even looked at."""
    path = tmp_path / "model.vec"
    path.write_text("9 2\na 1 2\nb 3 4\nnot a line of numbers\n")

    vectors = read_fasttext_vec(ModelFile(path), limit=2)

    assert vectors.words == ["a", "b"]
    assert not vectors.warnings


def test_gzip_is_read_as_the_file_itself(tmp_path: Path) -> None:
    """The usual download is compressed; several members in one file are one text."""
    path = tmp_path / "model.vec.gz"
    path.write_bytes(gzip.compress(b"2 2\na 1 2\n") + gzip.compress(b"b 3 4\n"))

    vectors = read_fasttext_vec(ModelFile(path))

    assert vectors.words == ["a", "b"]
    assert np.asarray(vectors.word_vectors).tolist() == [[1, 2], [3, 4]]


def test_progress_is_that_of_the_file(tmp_path: Path) -> None:
    """Bytes of the file that were read; the last report is its size."""
    path = tmp_path / "model.vec"
    path.write_text("".join(f"w{number} 1 2\n" for number in range(10_000)))
    reports: list[tuple[str, int, int]] = []

    read_fasttext_vec(ModelFile(path, lambda *report: reports.append(report)))

    size = path.stat().st_size
    assert len(reports) == 3
    assert reports[-1] == ("vectors", size, size)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("\n", "line 1 is neither a header nor a word with its vector"),
        ("word\n", "line 1 is neither"),
        (
            "Storms shut\nHarbours shut\n",
            "line 1: the vector of 'Storms' has 'shut', which is no number; is it a file of",
        ),
        ("2 0\na\nb\n", "line 1 is neither"),
        ("2 2\na 1 2\nb 3\n", "line 3: the vector of 'b' has length 1, due is 2"),
        ("a 1 2\nb 1 x\n", "line 2: the vector of 'b' has 'x', which is no number"),
        ("a 1 2\nb 1 nan\n", "line 2: the vector of 'b' holds NaN"),
        ("a 1 2\nb 1 NaN\nc 1 2\n", "line 2: the vector of 'b' holds NaN"),
        ("a 1 2\nb 1 1e99\n", "line 2: the vector of 'b' holds NaN, or a number that is infinite or beyond"),
        ("a 1 2\nb\0 1 2\n", "line 2: the word 'b.x00' holds the character NUL"),
        ("9 2\n", "holds no words"),
        ("9 2\na 1", "line 2: the vector of 'a' has length 1"),
        ("99999999999999999999 2\na 1 2\n", "line 1 is no header .* one number has 20 digits"),
        (f"1 {'9' * 5_000}\na 1 2\n", "line 1 is no header .* one number has 5000 digits"),
        ("1 999999999\na 1 2\n", "line 1 has 999999999 dimensions, at most 65536 are read"),
        (f"{'a' * 99} 1 2\n{'b' * 99} 1\n", "line 2: the vector of 'b{40}…' has length 1"),
        ("a" * (5 << 20), "has a line longer than 4 MiB"),
    ],
)
def test_a_fault_names_the_line(tmp_path: Path, content: str, fault: str) -> None:
    """What is no word with its vector is said with its place."""
    with pytest.raises(ModelError, match=fault):
        read(tmp_path, content)


@given(
    words=lists(text(characters(codec="utf-8"), min_size=1, max_size=6), min_size=1, max_size=9, unique=True),
    number=floats(-1e6, 1e6, width=32),
    separator=sampled_from(" \t"),
)
def test_any_words_come_back(words: list[str], number: float, separator: str) -> None:
    """Words of any characters but NUL and those that end lines or fields; numbers in any form of Python's."""
    words = [word for word in words if not set(word) & set("\0\n\r\t\v\f ")] or ["word"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.vec")
        lines = [f"{len(words)} 3", *(separator.join([word, *[str(number)] * 3]) for word in words)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")

        vectors = read_fasttext_vec(ModelFile(path))

    assert vectors.words == words
    assert set(np.asarray(vectors.word_vectors).ravel().tolist()) == {number}
