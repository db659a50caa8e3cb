"""The usual share of unknown words: against documents that were really held out, and against its definition."""

from pathlib import Path

import numpy as np
import pytest
from gensim.test.utils import datapath

from scoring.texts.corpus import read_corpus
from scoring.tokens.names import TokenizerName
from scoring.tokens.tokenizer import Tokenizer
from scoring.training.unknown_rate import fit_unknown_rate

STORIES = list(dict.fromkeys(read_corpus(Path(datapath("lee_background.cor")))))


@pytest.mark.parametrize("tokenizer", ["letters", "fasttext"])
def test_the_estimate_agrees_with_stories_that_were_held_out(tokenizer: TokenizerName) -> None:
    """Within a tenth: a vocabulary of half the stories, and the other half counted by it."""
    tokenize = Tokenizer(tokenizer).tokenize
    documents = [tokenize(STORIES[i]) for i in np.random.default_rng(1).permutation(len(STORIES))]
    half = len(documents) // 2
    vocabulary = {word for words in documents[:half] for word in words}

    usual = fit_unknown_rate(documents[:half], vocabulary)

    held_out = [word not in vocabulary for words in documents[half:] for word in words]
    assert usual.share == pytest.approx(np.mean(held_out), rel=0.1)
    assert 0 < usual.correlation < 0.1


def test_words_of_one_document_and_words_out_of_the_vocabulary_are_unknown() -> None:
    """However often they occur in it; the share is smoothed by a word of each kind."""
    documents = [["storm", "gale", "gale"], ["storm", "harbour"], ["harbour", "storm", "rates"]]

    usual = fit_unknown_rate(documents, ["storm", "gale", "rates"])

    assert usual.share == (5 + 1) / (8 + 2)


@pytest.mark.parametrize(
    "documents", [[["storm"]], [["storm"] * 3] * 4, [["a"], ["b"]], [["a", "a"], ["b"] * 9]]
)
def test_corpora_of_nearly_nothing_have_a_rate(documents: list[list[str]]) -> None:
    """One word, copies of one document, or no word in two documents: share and correlation stay in their ranges."""
    usual = fit_unknown_rate(documents, {word for words in documents for word in words})

    assert 0 < usual.share < 1
    assert 0 <= usual.correlation <= 1
