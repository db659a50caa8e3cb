"""A corpus to a model: FastText word vectors, then everything that is fitted to the corpus's documents."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from scoring.bundle.model import Model
from scoring.progress import Progress, silent
from scoring.training.fasttext import FastTextParameters, train_word_vectors
from scoring.training.fit import FittingOptions, fit_model, pooling_model, tokenize_corpus
from scoring.training.lsa import append_lsa


@dataclass(frozen=True, slots=True)
class TrainingOptions(FittingOptions):
    """What `scorepool train` can be told; epochs None follows the size of the corpus (`choose_epochs`)."""

    dimensions: int = 100
    epochs: int | None = None


def train(texts: Iterable[str], options: TrainingOptions, progress: Progress = silent) -> Model:
    """Train a model on documents.

    Memory: 20 bytes for every token of the corpus, 4·n·d for the document vectors, and the model.

    Raises: CorpusError when no text has a word, or fewer have words than there shall be clusters.
    """
    documents = tokenize_corpus(texts, progress)
    epochs = options.epochs or choose_epochs(sum(map(len, documents)))
    latent = options.dimensions // 2
    recipe = FastTextParameters(options.dimensions - latent, epochs, options.seed, options.threads)
    vectors = train_word_vectors(documents, recipe, progress)
    if latent:
        vectors = append_lsa(vectors, documents, latent, options.seed)
    model = pooling_model(vectors, options, vectors.counts if options.pooling == "sif" else None)
    model = fit_model(model, documents, options, progress=progress)
    facts = {"epochs": epochs, "seed": options.seed, "threads": options.threads}
    return replace(model, training={**model.training, **facts})


def choose_epochs(tokens: int) -> int:
    """Return how often to read a corpus: about 600,000 tokens in all, but 5 to 20 times."""
    return int(np.clip(600_000 // max(1, tokens), 5, 20))
