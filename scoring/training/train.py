"""A corpus to a model: word vectors by FastText and LSA, then what is fitted to the corpus's documents."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from scoring.bundle.model import Model
from scoring.progress import Progress, silent
from scoring.training.fasttext import FastTextParameters, train_word_vectors
from scoring.training.fit import FittingOptions, fit_model, pooling_model, tokenize_corpus
from scoring.training.lsa import append_lsa
from scoring.training.stop_words import word_relevance
from scoring.training.unseen_distances import measure_unseen_distances
from scoring.training.word_counts import (
    CorpusWords,
    count_words,
    inverse_frequencies,
    pooled_counts,
    pooling_weights,
)


@dataclass(frozen=True, slots=True)
class TrainingOptions(FittingOptions):
    """The options of `scorepool train`.

    dimensions: of the word vectors; FastText makes a quarter of them, at least one, and LSA the others.
    epochs: how often FastText reads the corpus; None follows the size of the corpus (`choose_epochs`).
    """

    dimensions: int = 100
    epochs: int | None = None

    @property
    def components(self) -> int:
        """One with `sif`; else what all documents share is taken from the words' vectors already.

        A single dimension stays: without it all vectors would be zero.
        """
        return 1 if self.pooling == "sif" and self.dimensions > 1 else 0


def train(texts: Iterable[str], options: TrainingOptions, progress: Progress = silent) -> Model:
    """Train a model on documents.

    Memory: 20 bytes for every token of the corpus, 4·n·d for the document vectors, the model, and what `append_lsa` and
    `fit_kmeans` take.

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
    relevance = word_relevance(vectors.words, counts.sum(axis=0), options.tokenizer)
    vectors = replace(vectors, word_vectors=np.asarray(vectors.word_vectors) * relevance[:, None])
    weights = pooling_weights(options.pooling, counts)
    unseen_vectors = np.asarray(vectors.word_vectors)
    if lsa_dimensions:
        corpus = CorpusWords(
            pooled_counts(options.pooling, counts),
            np.ones(len(relevance), np.float32) if weights is None else weights,
            inverse_frequencies(counts) * relevance,
        )
        with threadpool_limits(options.threads):
            vectors, unseen_vectors = append_lsa(vectors, corpus, lsa_dimensions, options.seed)
    model = fit_model(pooling_model(vectors, options, weights), documents, options, progress=progress)
    quantiles = measure_unseen_distances(model, documents, unseen_vectors, options.threads)
    facts = {"epochs": epochs, "seed": options.seed, "threads": options.threads}
    return replace(model, distance_quantiles=quantiles, training={**model.training, **facts})


def choose_epochs(tokens: int) -> int:
    """Return the epochs for a corpus of so many tokens: about 600,000 tokens read in all, at least 5, at most 20."""
    return int(np.clip(600_000 // max(1, tokens), 5, 20))
