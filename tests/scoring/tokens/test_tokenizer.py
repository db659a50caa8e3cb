"""Every tokenizer: what gensim and fastText find, and the same words as strings and as bytes."""

import pytest
from gensim.utils import simple_preprocess
from hypothesis import example, given
from hypothesis import strategies as st

from scoring.tokens.names import TOKENIZER_NAMES, TokenizerName
from scoring.tokens.tokenizer import Tokenizer, join_tokens
from scoring.tokens.words import find_words
from tests.scoring.tokens.texts import ANY


@given(ANY)
@example("_a a_b Ab ½ ½x 1a2b x y İstanbul " + "a" * 15 + " " + "b" * 16)
def test_gensim_finds_the_words_of_simple_preprocess(text: str) -> None:
    """On arbitrary Unicode, with the defaults."""
    assert Tokenizer("gensim").tokenize(text) == simple_preprocess(text)


@given(st.text())
@example("US don't\tU.K.\n\n2020\vcovid19\f</s>\rx\u00a0y\u2028z\x1cw\x85v\0u")
def test_fasttext_finds_what_is_between_ascii_white_space(text: str) -> None:
    """`bytes.split` separates at the same six characters as `isspace` of the C locale; NUL is the seventh."""
    words = text.replace("\0", " ").encode().split()

    assert Tokenizer("fasttext").tokenize(text) == [word.decode() for word in words]


@pytest.mark.parametrize("name", TOKENIZER_NAMES)
@given(texts=st.lists(ANY))
@example(texts=["a \ud800", "", "é _b c"])
def test_texts_folded_together_have_the_tokens_of_each(name: TokenizerName, texts: list[str]) -> None:
    """The words found in many texts folded into one are those of each text, and fall between its offsets."""
    tokenizer = Tokenizer(name)
    folded, offsets = tokenizer.fold_all(texts)

    starts, lengths = find_words(folded)

    found: list[list[str]] = [[] for _ in texts]
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        document = int((offsets <= start).sum()) - 1
        word = folded[start : start + length].decode()
        if tokenizer.is_token(word):
            found[document].append(word)
    assert found == [tokenizer.tokenize(text) for text in texts]


@pytest.mark.parametrize("name", TOKENIZER_NAMES)
@given(texts=st.lists(ANY))
def test_joined_tokens_are_found_again(name: TokenizerName, texts: list[str]) -> None:
    """Training embeds tokens, which must be the words that serving finds."""
    tokenizer = Tokenizer(name)
    documents = [tokenizer.tokenize(text) for text in texts]

    folded, offsets = join_tokens(documents)

    starts, lengths = find_words(folded)
    words = [folded[start : start + length].decode() for start, length in zip(starts, lengths, strict=True)]
    assert words == [token for tokens in documents for token in tokens]
    assert len(offsets) == len(texts)
