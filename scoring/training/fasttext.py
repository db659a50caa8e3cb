"""FastText word vectors from tokenised documents, by skip-gram with negative sampling (gensim).

The recipe below is not of fastText's defaults, which were made for billions of words: it was chosen for
corpora of hundreds to millions of documents, with bench/quality.py, on held-out stories of the training
corpus alone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gensim.models import FastText
from gensim.models.callbacks import CallbackAny2Vec

from scoring.training.word_vectors import WordVectors, from_gensim
from scoring.progress import Progress, silent

# gensim drops what a "sentence" has beyond this many tokens, so longer documents are cut into pieces.
_MAX_SENTENCE = 10_000
# Words seen less often than `_LEAST_COUNT` in corpora above this many tokens get no vector of their own:
# there they are mostly typing errors, and half of the vocabulary. In a small corpus every word counts.
_LARGE_CORPUS = 1_000_000
_LEAST_COUNT = 5
# A word has about five n-grams and shares most; fewer buckets would mix them up, more than fastText's 2
# million would cost 0.8 GB at 100 dimensions.
_BUCKETS_PER_WORD = 4
_MAX_BUCKETS = 2_000_000


@dataclass(frozen=True, slots=True)
class FastTextParameters:
    """How words are trained; what `scorepool train` can be told comes first.

    window: the words on either side that a word predicts; 100 is most of a news story, so that words of one
    subject come together and not only those that stand side by side. sample: words that are more frequent
    than this share of all tokens are skipped at random. min_n, max_n: the letters of an n-gram. threads:
    with 1 the same seed gives the same vectors, bit for bit.
    """

    dimensions: int
    epochs: int
    seed: int
    threads: int = 1
    window: int = 100
    negative: int = 5
    sample: float = 1e-4
    learning_rate: float = 0.05
    min_n: int = 5
    max_n: int = 5


def train_word_vectors(
    documents: Sequence[Sequence[str]], recipe: FastTextParameters, progress: Progress = silent
) -> WordVectors:
    """Return the vectors of all words that occur often enough; a step of progress is an epoch."""
    counts = Counter(token for tokens in documents for token in tokens)
    large = counts.total() > _LARGE_CORPUS
    model = FastText(
        sentences=list(_sentences(documents)),
        sg=1,
        vector_size=recipe.dimensions,
        epochs=recipe.epochs,
        window=recipe.window,
        negative=recipe.negative,
        sample=recipe.sample,
        alpha=recipe.learning_rate,
        min_n=recipe.min_n,
        max_n=recipe.max_n,
        min_count=_LEAST_COUNT if large else 1,
        bucket=min(_BUCKETS_PER_WORD * len(counts), _MAX_BUCKETS),
        seed=recipe.seed,
        workers=recipe.threads,
        callbacks=[_Epochs(recipe.epochs, progress)],
    )
    return from_gensim(model.wv)


def _sentences(documents: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    for tokens in documents:
        for start in range(0, len(tokens), _MAX_SENTENCE):
            yield tokens[start : start + _MAX_SENTENCE]


class _Epochs(CallbackAny2Vec):  # type: ignore[misc]  # gensim has no types
    """Passes gensim's epochs on to a progress bar."""

    def __init__(self, epochs: int, progress: Progress) -> None:
        self._epochs = epochs
        self._done = 0
        self._progress = progress

    def on_epoch_end(self, model: FastText) -> None:
        self._done += 1
        self._progress("train", self._done, self._epochs)
