"""A corpus to a model: word vectors by FastText and LSA, then what is fitted to the corpus's documents."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from scoring.bundle.model import Model
from scoring.progress import Progress, silent
from scoring.training.fasttext import FastTextParameters, train_word_vectors
from scoring.training.fit import FittingOptions, fit_model, pooling_model, tokenize_corpus
from scoring.training.lsa import append_lsa
from scoring.training.unseen_distances import measure_unseen_distances
from scoring.training.word_counts import count_words, pooled_counts, pooling_weights


@dataclass(frozen=True, slots=True)
class TrainingOptions(FittingOptions):
    """The options of `scorepool train`.

    dimensions: of the word vectors; FastText makes a quarter of them, at least one, and LSA the others.
    epochs: how often FastText reads the corpus; None follows the size of the corpus (`choose_epochs`).
    """

    dimensions: int = 100
    epochs: int | None = None


def train(texts: Iterable[str], options: TrainingOptions, progress: Progress = silent) -> Model:
    """Train a model on documents.

    Memory: 20 bytes for every token of the corpus, 4·n·d for the document vectors, and the model.

    Raises: CorpusError when no text has a word, or fewer distinct documents have words than clusters are asked for.
    """
    documents = tokenize_corpus(texts, options.tokenizer, progress)
    epochs = options.epochs or choose_epochs(sum(map(len, documents)))
    lsa_dimensions = options.dimensions * 3 // 4
    parameters = FastTextParameters(
        options.dimensions - lsa_dimensions, epochs, options.seed, options.threads
    )
    vectors = train_word_vectors(documents, parameters, progress)
    counts = count_words(vectors.words, documents)
    weights = pooling_weights(options.pooling, counts)
    others_shares = np.ones(options.dimensions, np.float32)
    if lsa_dimensions:
        vectors, others_shares = append_lsa(
            vectors, pooled_counts(options.pooling, counts), weights, lsa_dimensions, options.seed
        )
    model = pooling_model(vectors, options, weights)
    model = fit_model(model, documents, options, progress=progress)
    quantiles = measure_unseen_distances(model, documents, others_shares, options.threads)
    facts = {"epochs": epochs, "seed": options.seed, "threads": options.threads}
    return replace(model, distance_quantiles=quantiles, training={**model.training, **facts})


def choose_epochs(tokens: int) -> int:
    """Return the epochs for a corpus of so many tokens: about 600,000 tokens read in all, at least 5, at most 20."""
    return int(np.clip(600_000 // max(1, tokens), 5, 20))
