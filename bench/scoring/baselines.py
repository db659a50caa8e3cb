"""Other ways from texts to vectors, which `quality` is compared with, each as its users write it."""

from collections.abc import Callable, Sequence

import numpy as np
from gensim.models import FastText
from gensim.utils import simple_preprocess
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

#: Training texts, held-out texts and a seed to the vectors of either.
Embedding = Callable[[Sequence[str], Sequence[str], int], tuple[NDArray[np.float32], NDArray[np.float32]]]


def embed_by_tfidf(
    training: Sequence[str], held_out: Sequence[str], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return rows of TF-IDF, of the 5,000 words that most documents have; it has no seed."""
    del seed
    model = _vectorizer(max_features=5_000).fit(training)
    first, second = (model.transform(texts).toarray().astype(np.float32) for texts in (training, held_out))
    return first, second


def embed_by_lsa(dimensions: int) -> Embedding:
    """Return latent semantic analysis of TF-IDF, scaled to length 1: the recipe of scikit-learn's documentation."""

    def embed(
        training: Sequence[str], held_out: Sequence[str], seed: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        svd = TruncatedSVD(dimensions, random_state=seed)
        model = make_pipeline(_vectorizer(), svd, Normalizer(copy=False)).fit(training)
        first, second = (np.asarray(model.transform(texts), np.float32) for texts in (training, held_out))
        return first, second

    return embed


def embed_by_fasttext(
    training: Sequence[str], held_out: Sequence[str], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return means of gensim's FastText vectors, with its defaults, over the tokens of `simple_preprocess`."""
    documents = [simple_preprocess(text) for text in training]
    words = FastText(sentences=documents, seed=seed, workers=1).wv

    def mean(tokens: Sequence[str]) -> NDArray[np.float32]:
        vectors = [words[token] for token in tokens] or [np.zeros(words.vector_size)]
        return np.asarray(np.mean(vectors, axis=0), np.float32)

    others = [simple_preprocess(text) for text in held_out]
    return np.stack([*map(mean, documents)]), np.stack([*map(mean, others)])


def _vectorizer(**changes: int) -> TfidfVectorizer:
    return TfidfVectorizer(sublinear_tf=True, stop_words="english", min_df=2, **changes)
