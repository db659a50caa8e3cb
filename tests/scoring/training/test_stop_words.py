"""Stop words by the languages of a corpus."""

from collections import Counter

import numpy as np
import pytest

from scoring.tokens.names import TokenizerName
from scoring.tokens.tokenizer import Tokenizer
from scoring.training.stop_words import find_stop_words, word_relevance

ENGLISH = "The storm has closed the harbour, and the ships that were in it are not to leave before the end of the day."
GERMAN = "Der Sturm hat den Hafen geschlossen, und die Schiffe, die in ihm sind, dürfen nicht vor dem Abend fahren."
HINDI = "तूफान ने बंदरगाह को बंद कर दिया है और जहाज शाम से पहले नहीं जा सकते हैं।"
JAPANESE = "嵐が港を閉じたので、船は夕方までそこから出ることができない。"
FINNISH = "Myrsky on sulkenut sataman, ja laivat eivät saa lähteä siitä ennen kuin on ilta."


def stop_words(*texts: str, tokenizer: TokenizerName = "letters") -> frozenset[str]:
    """Return those of the texts' words."""
    tokenize = Tokenizer(tokenizer).tokenize
    return find_stop_words(Counter(token for text in texts for token in tokenize(text)), tokenizer)


@pytest.mark.parametrize(
    ("text", "some", "others"),
    [
        (ENGLISH, {"the", "has", "and", "are", "not"}, {"storm", "harbour", "closed", "day"}),
        (GERMAN, {"der", "hat", "den", "und", "die", "nicht"}, {"sturm", "hafen", "schiffe", "abend"}),
        (HINDI, {"ने", "को", "और", "से"}, {"तूफान", "बंदरगाह", "जहाज"}),
        (JAPANESE, {"が", "を", "は", "から"}, {"嵐", "港", "船"}),
        (FINNISH, {"on", "ja", "kuin"}, {"myrsky", "sataman", "laivat"}),
    ],
)
def test_words_that_say_nothing_of_a_subject_are_found(text: str, some: set[str], others: set[str]) -> None:
    """In the language of the text."""
    found = stop_words(text)

    assert some <= found
    assert not others & found


def test_a_corpus_in_two_languages_has_the_stop_words_of_both() -> None:
    """Though half of its words are in neither list."""
    assert {"the", "und"} <= stop_words(ENGLISH, GERMAN)


def test_words_of_other_languages_are_left() -> None:
    """The Dutch for "warm" is a German word, and "die" an English one."""
    assert "die" not in stop_words(ENGLISH, "Thousands die in war, and many of them die of cold.")


def test_texts_in_no_listed_language_have_none() -> None:
    """A few words that some list has by chance do not make a language."""
    assert not stop_words("mov eax ebx push ecx call dword xor edx jmp label retn nop int lea cmp test")
    assert not stop_words("")


def test_capitals_and_other_tokenizers() -> None:
    """The official fastText keeps capitals and punctuation."""
    found = stop_words(ENGLISH, tokenizer="fasttext")

    assert {"The", "the", "and"} <= found
    assert "storm" not in found


def test_stop_words_count_a_tenth() -> None:
    """So a text of nothing but stop words has a vector."""
    words = Tokenizer("letters").tokenize(ENGLISH)

    relevance = word_relevance(words, np.ones(len(words), np.int64), "letters")

    assert relevance[words.index("the")] == np.float32(0.1)
    assert relevance[words.index("storm")] == 1
