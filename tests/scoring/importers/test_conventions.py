"""Which tokenizer and pooling an imported model gets, and what is said about them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gensim.test.utils import datapath
from gensim.utils import simple_preprocess

from scoring.importers.conventions import Convention, choose, reached_words
from scoring.importers.importing import import_fasttext
from scoring.tokens.names import TOKENIZER_NAMES, TokenizerName
from scoring.tokens.tokenizer import Tokenizer
from scoring.training.word_vectors import WordVectors

TEXT = Path(datapath("lee_background.cor")).read_text("utf-8")
RAW = list(dict.fromkeys(TEXT.split()))
PREPARED = list(dict.fromkeys(simple_preprocess(TEXT)))
HINDI = ["प्रधानमंत्री", "ने", "कहा", "सरकार", "किसानों", "के", "लिए", "योजना"]


def vectors(words: list[str], *, official: bool = False) -> WordVectors:
    """Return words with vectors of zeros."""
    return WordVectors(words, np.zeros((len(words), 2), np.float32), official=official)


@pytest.mark.parametrize(
    ("words", "official", "expected"),
    [
        (["</s>", *RAW], True, Convention("fasttext", "fasttext")),
        (PREPARED, True, Convention("fasttext", "fasttext")),
        (PREPARED, False, Convention("gensim", "mean")),
        ([*PREPARED, "a", "i"], False, Convention("gensim", "mean")),
        (RAW, False, Convention("fasttext", "mean")),
        (HINDI, False, Convention("letters", "mean")),
    ],
    ids=["official", "official, prepared", "gensim", "gensim, nearly", "raw", "Hindi"],
)
def test_the_kind_of_file_and_then_the_words_decide(
    words: list[str], official: bool, expected: Convention
) -> None:
    """A file of the official library is used as that does; another as with gensim, if the words agree."""
    choice = choose(vectors(words, official=official))

    assert choice.convention == expected
    assert choice.reached >= 0.9 * choice.words
    assert expected.tokenizer in choice.describe()
    assert f"pooling {expected.pooling}" in choice.describe()


@pytest.mark.parametrize("official", [True, False])
def test_what_is_asked_for_is_kept(official: bool) -> None:
    """`like` sets both, and each can be set by itself."""
    raw = vectors(RAW, official=official)

    assert choose(raw, like="gensim").convention == Convention("gensim", "mean")
    assert choose(raw, like="fasttext").convention == Convention("fasttext", "fasttext")
    assert choose(raw, tokenizer="letters").convention.tokenizer == "letters"
    assert choose(raw, pooling="sif").convention == Convention("fasttext", "sif")
    both = choose(raw, like="gensim", tokenizer="letters", pooling="fasttext").convention
    assert both == Convention("letters", "fasttext")


def test_words_that_no_text_can_reach_are_named() -> None:
    """Below 90 % a warning gives examples and the tokenizer that reaches more; else there is none."""
    words = vectors(["Labour", "don't", *["storm", "gale", "rain", "snow", "wind"]])

    choice = choose(words, like="gensim")

    assert "71.4 % of the words, 5 of 7" in choice.describe()
    assert choice.warnings() == [
        "no text can reach 2 of the words, as 'Labour', \"don't\"; --tokenizer fasttext reaches more"
    ]
    assert choose(words).warnings() == []


def test_no_tokenizer_is_named_that_reaches_no_more() -> None:
    """Words that are not UTF-8 are reached by none."""
    words = replace(vectors(["caf\\xe9", "storm"], official=True), undecodable=frozenset(["caf\\xe9"]))

    assert choose(words).warnings() == ["no text can reach 1 of the words, as 'caf\\\\xe9'"]


@pytest.mark.parametrize("official", [True, False])
def test_a_vocabulary_of_a_script_without_spaces_needs_segmented_texts(official: bool) -> None:
    """The public models of Chinese, Japanese and Thai; a word or two of them in another model is no matter."""
    chinese = [*RAW[:20], "北京", "中国", "首都", "港口"]

    (hint,) = choose(vectors(chinese, official=official)).warnings()

    assert hint.startswith("words as '北京', '中国', '首都', '港口' are of scripts that put no spaces")
    assert "the tokenizer fasttext finds them in texts that are segmented" in hint
    assert choose(vectors(chinese), tokenizer="letters").unspaced == ()
    assert choose(vectors([*RAW, "北京"], official=official)).warnings() == []


def test_a_vocabulary_that_was_cut_before_training_is_said_to_be_so() -> None:
    """The official library knows nothing of what was done to the texts before, the words may."""
    (hint,) = choose(vectors(PREPARED, official=True)).warnings()

    assert "--tokenizer gensim" in hint
    assert choose(vectors(RAW, official=True)).warnings() == []
    assert choose(vectors(PREPARED, official=True), like="fasttext").warnings() == []


def test_the_end_of_sentence_is_no_word() -> None:
    """It is in every vocabulary of the official library, and in no text."""
    choice = choose(vectors(["</s>", "storm"], official=True), tokenizer="letters")

    assert (choice.words, choice.reached) == (1, 1)


def test_no_words_are_reached_by_nothing() -> None:
    """An empty vocabulary, of which a writer of bundles complains, is no fault here."""
    assert choose(vectors([])).reached == 0


@pytest.mark.parametrize("name", TOKENIZER_NAMES)
def test_a_word_is_reached_if_a_text_of_it_alone_yields_it(name: TokenizerName) -> None:
    """All words together, in chunks, give what they give one by one."""
    words = [*RAW, "New York", "", "é", "हिन्दी", "x" * 70, "_a", "naïve", "ﬁle"]

    reached, missed = reached_words(words, name)

    alone = [Tokenizer(name).tokenize(word) == [word] for word in words]
    assert reached == sum(alone)
    assert list(missed) == [word for word, yields in zip(words, alone, strict=True) if not yields][:5]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("lee_fasttext_new.bin", Convention("fasttext", "fasttext")),
        ("lee_fasttext.vec", Convention("fasttext", "mean")),
        ("pang_lee_polarity_fasttext.vec", Convention("gensim", "mean")),
    ],
)
def test_real_files(file: str, expected: Convention) -> None:
    """Of the official library, raw and prepared."""
    assert choose(import_fasttext(Path(datapath(file)))).convention == expected


def test_words_that_are_not_utf8_are_reached_by_no_tokenizer() -> None:
    """The escapes that they are written with are no text; they do not tell which tokenizer cut the others."""
    read = import_fasttext(Path(datapath("cp852_fasttext.bin")))

    choice = choose(read)

    assert len(read.undecodable) == 69
    assert (choice.reached, choice.words) == (102, 171)
    assert choice.convention == Convention("fasttext", "fasttext")
    assert "59.6 % of the words, 102 of 171" in choice.describe()
    assert choice.warnings()[0].startswith("no text can reach 69 of the words, as ")
