"""FastText word vectors from tokenised documents, by skip-gram with negative sampling (gensim).

The defaults of `FastTextParameters` differ from fastText's, which are for billions of words. They are
for corpora of hundreds to millions of documents.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gensim.models import FastText
from gensim.models.callbacks import CallbackAny2Vec

from scoring.progress import Progress, silent
from scoring.training.word_vectors import WordVectors, from_gensim

# gensim drops the tokens of a "sentence" beyond this many, so longer documents are cut into pieces.
_MAX_SENTENCE_TOKENS = 10_000
# In a corpus of more tokens than this, words that occur less often than `_MIN_COUNT` get no vector of their own: most
# of them are typing errors, and they are half of the vocabulary. In a smaller corpus every word gets one.
_LARGE_CORPUS_TOKENS = 1_000_000
_MIN_COUNT = 5
# A word has about five n-grams and shares most of them with other words. With fewer buckets unrelated n-grams would
# share vectors; more than 2 million, fastText's default, would take more than 0.8 GB at 100 dimensions.
_BUCKETS_PER_WORD = 4
_MAX_BUCKETS = 2_000_000


@dataclass(frozen=True, slots=True)
class FastTextParameters:
    """How word vectors are trained; the first four follow options of `scorepool train`.

    window: how many words on either side a word predicts; 20 is a paragraph, so that all words of one subject get
    similar vectors, not only adjacent ones; the time grows with it. negative: random words per predicted word. sample:
    words that are more frequent than this share of all tokens are skipped at random. learning_rate: at the start; it
    falls linearly. min_n, max_n: the least and most characters of an n-gram. threads: with 1 the same seed gives
    the same vectors, bit for bit.
    """

    dimensions: int
    epochs: int
    seed: int
    threads: int = 1
    window: int = 20
    negative: int = 5
    sample: float = 1e-4
    learning_rate: float = 0.05
    min_n: int = 5
    max_n: int = 5


def train_word_vectors(
    documents: Sequence[Sequence[str]], parameters: FastTextParameters, progress: Progress = silent
) -> WordVectors:
    """Return the vectors of the words that occur often enough, by `_MIN_COUNT`, and of their n-grams.

    A step of progress is an epoch. Source: Bojanowski et al. 2017, "Enriching word vectors with subword information".
    """
    counts = Counter(token for tokens in documents for token in tokens)
    large = counts.total() > _LARGE_CORPUS_TOKENS
    model = FastText(
        sentences=list(_sentences(documents)),
        sg=1,
        vector_size=parameters.dimensions,
        epochs=parameters.epochs,
        window=parameters.window,
        negative=parameters.negative,
        sample=parameters.sample,
        alpha=parameters.learning_rate,
        min_n=parameters.min_n,
        max_n=parameters.max_n,
        min_count=_MIN_COUNT if large else 1,
        bucket=min(_BUCKETS_PER_WORD * len(counts), _MAX_BUCKETS),
        seed=parameters.seed,
        workers=parameters.threads,
        callbacks=[_Epochs(parameters.epochs, progress)],
    )
    return from_gensim(model.wv)


def _sentences(documents: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    """Yield the documents' tokens, at most `_MAX_SENTENCE_TOKENS` at a time."""
    for tokens in documents:
        for start in range(0, len(tokens), _MAX_SENTENCE_TOKENS):
            yield tokens[start : start + _MAX_SENTENCE_TOKENS]


class _Epochs(CallbackAny2Vec):  # type: ignore[misc]  # gensim has no types
    """Reports gensim's epochs as steps of progress."""

    def __init__(self, epochs: int, progress: Progress) -> None:
        self._epochs = epochs
        self._done = 0
        self._progress = progress

    def on_epoch_end(self, model: FastText) -> None:
        self._done += 1
        self._progress("train", self._done, self._epochs)
