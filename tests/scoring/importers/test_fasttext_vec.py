"""Reading .vec text; gensim is the oracle."""

from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors
from gensim.test.utils import datapath

from scoring.errors import ModelError
from scoring.importers.fasttext_vec import read_fasttext_vec
from scoring.training.word_vectors import WordVectors


def read(folder: Path, content: str) -> WordVectors:
    """Read `content` as a file."""
    path = folder / "model.vec"
    path.write_text(content, encoding="utf-8")
    return read_fasttext_vec(path)


# gensim leaves a file without a header open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize(
    ("name", "no_header"),
    [("lee_fasttext.vec", False), ("crime-and-punishment.vec", False), ("test_glove.txt", True)],
)
def test_words_and_vectors_are_those_of_gensim(name: str, no_header: bool) -> None:
    """With a header as fastText writes it, or without as GloVe does."""
    expected = KeyedVectors.load_word2vec_format(datapath(name), no_header=no_header)

    vectors = read_fasttext_vec(Path(datapath(name)))

    assert vectors.words == expected.index_to_key
    np.testing.assert_array_equal(vectors.word_vectors, expected.vectors)
    assert vectors.ngram_vectors is None
    assert vectors.counts is None


def test_a_word_may_hold_spaces(tmp_path: Path) -> None:
    """Numbers are counted from the right."""
    assert read(tmp_path, "2 2\nnew york 1 2\nrome 3 4\n").words == ["new york", "rome"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "line 1 is neither a header nor a word with its vector"),
        ("word\n", "line 1 is neither"),
        ("2 0\na\nb\n", "line 1 is neither"),
        ("2 2\na 1 2\nb 3\n", "line 3: not a word and 2 finite numbers"),
        ("a 1 2\nb 1 x\n", "line 2: could not convert string to float"),
        ("a 1 2\nb 1 nan\n", "line 2: not a word and 2 finite numbers"),
        ("a 1 2\nb 1 1e99\n", "line 2: not a word and 2 finite numbers"),
        ("a 1 2\n\nb 1 2\n", "line 2: not a word and 2 finite numbers"),
        ("9 2\na 1 2\n", "holds 1 words, its first line promises 9"),
        ("9 2\n", "holds 0 words, its first line promises 9"),
        ("999999999999 999999999999\na 1 2\n", "line 2: not a word"),
    ],
)
def test_a_fault_names_the_line(tmp_path: Path, content: str, fault: str) -> None:
    """What is no word with its vector is said with its place."""
    with pytest.raises(ModelError, match=fault):
        read(tmp_path, content)
