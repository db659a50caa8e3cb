"""What the users of an imported model expect: how their library cuts a text into words, and how it pools their vectors.

The library is known from the kind of the file, the tokenizer can also show itself in the vocabulary: words that a
tokenizer never yields were cut by another one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from re import compile as compile_pattern
from typing import Literal, get_args

from scoring.bundle.manifest import Pooling
from scoring.importers.word_spool import show
from scoring.tokens.characters import UNSPACED, pattern_class
from scoring.tokens.names import TOKENIZER_NAMES, TokenizerName
from scoring.tokens.tokenizer import Tokenizer
from scoring.training.word_vectors import WordVectors

Library = Literal["fasttext", "gensim"]
LIBRARIES: tuple[Library, ...] = get_args(Library)

# A tokenizer that yields less of the vocabulary is the wrong one, or cuts words that matter.
ENOUGH = 0.9
# A vocabulary of which `gensim` or `letters` yields more was made of words that had been cut so: raw texts have more
# words with capitals or punctuation than that.
_PREPARED = 0.99
# Words that are tokenised at a time, which bounds the memory.
_WORDS_PER_CHUNK = 10_000
_EXAMPLES = 5
# fastText's end of a sentence is in every vocabulary of its own, and in no text.
_END_OF_SENTENCE = "</s>"


@dataclass(frozen=True, slots=True)
class Convention:
    """A tokenizer and a pooling."""

    tokenizer: TokenizerName
    pooling: Pooling


#: `get_sentence_vector` of the official library; `numpy.mean([wv[w] for w in simple_preprocess(text)], axis=0)`.
LIKE: dict[Library, Convention] = {
    "fasttext": Convention("fasttext", "fasttext"),
    "gensim": Convention("gensim", "mean"),
}


_KINDS: dict[Library, str] = {
    "fasttext": "as the official library, whose file it is",
    "gensim": "as is usual with gensim",
}
# Tokenizers of people who cut texts into words before training: of two that yield as much, gensim's is the likelier.
_PREPARING: tuple[TokenizerName, ...] = ("gensim", "letters")


@dataclass(frozen=True, slots=True)
class Choice:
    """The convention of a model, why it was chosen, and how many of its words texts can reach by it.

    unreached: examples of the others. better: the tokenizer to name beside the chosen one, None if there is none.
    unspaced: words in scripts without spaces, which the tokenizer does not segment; none where they are few.
    """

    convention: Convention
    reason: str
    words: int
    reached: int
    unreached: tuple[str, ...]
    better: TokenizerName | None
    unspaced: tuple[str, ...]

    def describe(self) -> str:
        """Say what was chosen, in one line."""
        return (
            f"tokenizer {self.convention.tokenizer}, pooling {self.convention.pooling}: {self.reason}; "
            f"texts can reach {self._percent()} of the words, {self.reached:,} of {self.words:,}"
        )

    def _percent(self) -> str:
        """Return the share that is reached, rounded down, so that 100 % is all."""
        return f"{1000 * self.reached // max(1, self.words) / 10:g} %"

    def warnings(self) -> list[str]:
        """Return a sentence where too many words can never be met, and one where another tokenizer may be meant."""
        found = []
        if self.reached < ENOUGH * self.words:
            examples = ", ".join(map(show, self.unreached))
            remedy = f"; --tokenizer {self.better} reaches more" if self.better else ""
            found.append(
                f"no text can reach {self.words - self.reached:,} of the words, as {examples}{remedy}"
            )
        elif self.better:
            found.append(
                "the words look as if another tokenizer cut them before the training; if one did, --tokenizer "
                f"{self.better} cuts raw texts the same way"
            )
        if self.unspaced:
            examples = ", ".join(map(show, self.unspaced))
            found.append(
                f"words as {examples} are of scripts that put no spaces between words; the tokenizer "
                f"{self.convention.tokenizer} finds them in texts that are segmented as those of the training were"
            )
        return found


def choose(
    vectors: WordVectors,
    *,
    like: Library | None = None,
    tokenizer: TokenizerName | None = None,
    pooling: Pooling | None = None,
) -> Choice:
    """Return the convention of imported word vectors; what is given is kept.

    Without `like`, the official library's file is used as that library does, and any other as with gensim. A
    vocabulary that its tokenizer does not reach was made by another one: by `letters`, if that reaches enough of it,
    else by splitting at white space. Time about a microsecond a word and tokenizer.
    """
    library: Library = like or ("fasttext" if vectors.official else "gensim")
    reason = f"like {library}, as asked for" if like else _KINDS[library]
    words = [word for word in vectors.words if word != _END_OF_SENTENCE]
    sound = [word for word in words if word not in vectors.undecodable]
    reaches = {name: reached_words(sound, name) for name in TOKENIZER_NAMES}
    shares = {name: reached / max(1, len(sound)) for name, (reached, _) in reaches.items()}
    chosen = tokenizer or LIKE[library].tokenizer
    sure = like is not None or tokenizer is not None
    if not sure and shares[chosen] < ENOUGH:
        chosen = "letters" if shares["letters"] >= ENOUGH else "fasttext"
        reason += ", with the tokenizer that the words show"
    convention = Convention(chosen, pooling or LIKE[library].pooling)
    reached, unreached = reaches[chosen]
    undecodable = [word for word in words if word in vectors.undecodable]
    unreached = (*unreached, *undecodable)[:_EXAMPLES]
    enough = reached >= ENOUGH * len(words)
    better = _better(chosen, shares, enough=enough, sure=sure)
    unspaced = () if chosen == "letters" else _unspaced_words(sound)
    return Choice(convention, reason, len(words), reached, unreached, better, unspaced)


def reached_words(words: Sequence[str], tokenizer: TokenizerName) -> tuple[int, tuple[str, ...]]:
    """Return how many of the words a text can contain by a tokenizer, and the first of the others as examples.

    A word that it yields at all it also yields alone, so all can be tokenised as one text.
    """
    tokenize = Tokenizer(tokenizer).tokenize
    reached, missed = 0, list[str]()
    for chunk in _chunks(words):
        tokens = set(tokenize("\n".join(chunk)))
        missing = [word for word in chunk if word not in tokens]
        reached += len(chunk) - len(missing)
        missed += missing[: _EXAMPLES - len(missed)]
    return reached, tuple(missed)


def _unspaced_words(words: Sequence[str]) -> tuple[str, ...]:
    """Return examples of words in scripts without spaces, if a tenth of the words or more are of such."""
    letter = compile_pattern(f"[{pattern_class(UNSPACED)}]")
    found = [word for word in words if not word.isascii() and letter.search(word)]
    return tuple(found[:_EXAMPLES]) if found and len(found) >= (1 - ENOUGH) * len(words) else ()


def _better(
    chosen: TokenizerName, shares: dict[TokenizerName, float], *, enough: bool, sure: bool
) -> TokenizerName | None:
    """Return the tokenizer to name beside the chosen one, None if there is none.

    enough: whether the chosen one reaches enough of the words; sure: it was asked for.
    """
    best = max(TOKENIZER_NAMES, key=shares.__getitem__)
    if not enough:
        return best if shares[best] > shares[chosen] else None
    prepared = max(_PREPARING, key=shares.__getitem__)
    return prepared if chosen == "fasttext" and not sure and shares[prepared] >= _PREPARED else None


def _chunks(words: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(words), _WORDS_PER_CHUNK):
        yield words[start : start + _WORDS_PER_CHUNK]
