"""What is said of a tokenizer that does not find the words of a corpus."""

import pytest

from scoring.tokens.lost_words import report_lost_words
from scoring.tokens.names import TOKENIZER_NAMES, TokenizerName
from tests.support.languages import REPORTS

ENGLISH = ["The U.S. didn't say 3.5 % of COVID-19 cases were in one of its harbours", "Storms shut a harbour"]
CHINESE = ["北京是中国的首都也是全国的政治中心和文化中心", "暴雨之后港口关闭渔船不得出海"]


def warnings(texts: list[str], tokenizer: TokenizerName) -> list[str]:
    """Return what is said of a tokenizer, after all texts have passed unchanged."""
    said: list[str] = []
    passed = []
    for text in report_lost_words(texts, tokenizer, said.append):
        assert not said
        passed.append(text)
    assert passed == texts
    return said


@pytest.mark.parametrize("tokenizer", TOKENIZER_NAMES)
@pytest.mark.parametrize("texts", [ENGLISH, [], ["", "1234 !?"]])
def test_nothing_is_said_where_words_are_found(texts: list[str], tokenizer: TokenizerName) -> None:
    """Single letters, capitals and punctuation are no matter; nor is a corpus without letters."""
    assert warnings(texts, tokenizer) == []


@pytest.mark.parametrize(("language", "word"), [("hindi", "तूफ़ान"), ("japanese", "について")])
def test_words_that_gensim_drops_or_cuts_apart_are_named(language: str, word: str) -> None:
    """Combining marks end its words, and longer ones than 15 characters are none."""
    (said,) = warnings([*REPORTS[language]], "gensim")

    assert said.startswith("the tokenizer gensim finds words with ")
    assert word in said


def test_sentences_that_are_taken_for_words_are_no_words() -> None:
    """White space separates no words of Chinese, but for texts that people have segmented."""
    (said,) = warnings(CHINESE, "fasttext")
    segmented = ["北京 是 中国 的 首都", "暴雨 之后 港口 关闭 渔船 不得 出海 中华人民共和国"]

    assert said.startswith("the tokenizer fasttext finds words with 0% of the texts' letters")
    assert warnings(segmented, "fasttext") == []


@pytest.mark.parametrize("language", REPORTS)
def test_letters_finds_all(language: str) -> None:
    """Every other tokenizer is held against it."""
    assert warnings([*REPORTS[language]], "letters") == []


def test_a_long_word_is_cut_short() -> None:
    """And what is said stays one line."""
    (said,) = warnings(["donaudampfschifffahrtsgesellschaftskapitän\n" * 3], "gensim")

    assert said.endswith("such as donaudampfschifffahr…")
