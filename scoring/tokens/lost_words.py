"""Which words of a corpus a tokenizer does not find: it drops them, cuts them apart, or takes sentences for words.

`gensim` ends words at combining marks, so of Hindi next to nothing is left; `fasttext` takes what stands without spaces
for one word, so of a Chinese corpus hardly a word occurs twice. Neither is an error, and a model comes out of both.
The words of `letters`, which are right in any script, are what the tokenizer is held against.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from scoring.tokens.characters import UNSPACED, code_points, kinds_of
from scoring.tokens.names import TokenizerName
from scoring.tokens.tokenizer import Tokenizer

# A judgement. English loses 1 % of its letters by `gensim`, German, with its long words, 3 %.
_ENOUGH = 0.9
# Longer words are rare in each of the scripts without spaces; clauses are mostly longer.
_MAX_UNSPACED_LETTERS = 12
_EXAMPLES = 3
# Looking at a text takes five times as long as tokenising it: of many texts, one in so many is enough.
_FIRST_TEXTS, _STEP = 1_000, 20
# Characters of an example that are shown.
_SHOWN = 20


def report_lost_words(
    texts: Iterable[str], tokenizer: TokenizerName, warn: Callable[[str], object]
) -> Iterator[str]:
    """Yield the texts; after the last, `warn` of a tenth or more of their letters in words that are lost.

    It is called with the beginning of a sentence, to which the caller adds what to do. Words count by their letters, so
    that single ones, which `gensim` leaves out everywhere, weigh little. Of more than 1,000 texts it looks at some.
    """
    letters, words = Tokenizer("letters"), Tokenizer(tokenizer)
    total = 0
    lost: Counter[str] = Counter()
    for number, text in enumerate(texts):
        yield text
        if tokenizer == "letters" or (number >= _FIRST_TEXTS and number % _STEP):
            continue
        expected = Counter(letters.tokenize(text))
        total += _count_letters(expected)
        lost += expected - _found(words.tokenize(text), letters)
    if total and (kept := 1 - _count_letters(lost) / total) < _ENOUGH:
        warn(_describe(tokenizer, kept, lost))


def _found(tokens: Sequence[str], letters: Tokenizer) -> Counter[str]:
    """Return the words of `letters` that the tokens are or hold, but for tokens that must be more than a word."""
    single = [token for token in tokens if not _is_clause(token)]
    return Counter(word for found in letters.tokenize_all(single) for word in found)


def _is_clause(token: str) -> bool:
    if len(token) <= _MAX_UNSPACED_LETTERS or token.isascii():
        return False
    return int(np.count_nonzero(kinds_of(code_points(token)) == UNSPACED)) > _MAX_UNSPACED_LETTERS


def _count_letters(words: Counter[str]) -> int:
    return sum(len(word) * count for word, count in words.items())


def _describe(tokenizer: TokenizerName, kept: float, lost: Counter[str]) -> str:
    longest = sorted(lost, key=lambda word: (-len(word) * lost[word], word))[:_EXAMPLES]
    examples = ", ".join(word if len(word) <= _SHOWN else f"{word[:_SHOWN]}…" for word in longest)
    return (
        f"the tokenizer {tokenizer} finds words with {kept:.0%} of the texts' letters; it drops, cuts apart or "
        f"takes together with others words such as {examples}"
    )
