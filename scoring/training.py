"""A corpus to a model: FastText word vectors, then everything that is fitted to the corpus's documents."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from gensim.models import FastText
from gensim.models.callbacks import CallbackAny2Vec

from scoring.bundle import Model
from scoring.fitting import FittingOptions, fit_model, pooling_model, tokenize_corpus
from scoring.progress import Progress, silent
from scoring.subwords import WordVectors, from_gensim

# gensim drops what a "sentence" has beyond this many tokens, so longer documents are cut into pieces.
_MAX_SENTENCE = 10_000


@dataclass(frozen=True, slots=True)
class TrainingOptions(FittingOptions):
    """What `scorepool train` can be told; epochs None follows the size of the corpus (`choose_epochs`)."""

    dimensions: int = 100
    epochs: int | None = None


def train(texts: Iterable[str], options: TrainingOptions, progress: Progress = silent) -> Model:
    """Train a model on documents.

    Memory: 8 bytes for every token of the corpus, 4·n·d for the document vectors, and the model.

    Raises: CorpusError when no text has a word, or fewer have words than there shall be clusters.
    """
    documents = tokenize_corpus(texts, progress)
    epochs = options.epochs or choose_epochs(sum(map(len, documents)))
    vectors = train_words(documents, options, epochs, progress)
    model = pooling_model(vectors, options, vectors.counts if options.pooling == "sif" else None)
    model = fit_model(model, documents, options, progress=progress)
    facts = {"epochs": epochs, "seed": options.seed, "threads": options.threads}
    return replace(model, training={**model.training, **facts})


def choose_epochs(tokens: int) -> int:
    """Return how often to read a corpus: about 600,000 tokens in all, but 5 to 20 times."""
    return int(np.clip(600_000 // max(1, tokens), 5, 20))


def train_words(
    documents: Sequence[Sequence[str]], options: TrainingOptions, epochs: int, progress: Progress
) -> WordVectors:
    """Train FastText word vectors on tokenised documents."""
    model = FastText(
        sentences=list(_sentences(documents)),
        vector_size=options.dimensions,
        epochs=epochs,
        sg=1,
        window=40,
        sample=1e-4,
        alpha=0.05,
        min_count=1,
        min_n=5,
        max_n=5,
        bucket=20_000,
        seed=options.seed,
        workers=options.threads,
        callbacks=[_Epochs(epochs, progress)],
    )
    return whitened(from_gensim(model.wv))


def whitened(vectors: WordVectors) -> WordVectors:
    """Return word vectors whose covariance over the vocabulary is close to the identity."""
    covariance = np.cov(vectors.word_vectors.T.astype(np.float64))
    covariance /= np.trace(covariance) / len(covariance)
    values, axes = np.linalg.eigh(covariance)
    matrix = (axes / np.sqrt(values + 0.01)) @ axes.T
    return vectors.transformed(matrix.astype(np.float32))


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
