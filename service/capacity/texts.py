"""Texts to measure with: those of a corpus, or made of the bundle's own words.

A bundle keeps no texts, but how often each word occurred in its corpus: with `sif` and `tfidf` its weight says so.
Made texts have words as often, and a share that no model knows, since these cost a worker a hundred known ones. They
lack what real texts have in common within a topic, so that a search for neighbours or pairs may take another time.
"""

import numpy as np
import orjson
from numpy.typing import NDArray

from scoring.bundle.bundle import Bundle
from scoring.training.sif import SMOOTHING
from scoring.training.word_counts import document_shares

# Of a bundle that does not say how long its training texts were.
DEFAULT_WORDS = 200

# Distinct texts in all bodies together; a worker's caches would make a few bodies that come again and again cheaper
# than those of real clients.
MIN_TEXTS = 2_400

MAX_BODIES = 64

_LETTERS = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz", np.uint8)
_UNKNOWN_LETTERS = 9
# A word of every document would occur infinitely often; this makes it six times a document.
_MOST_DOCUMENTS = 0.998


def made_texts(bundle: Bundle, count: int, unknown: float, seed: int) -> list[str]:
    """Return so many texts, each of about as many words as those that the bundle was trained on.

    unknown: the share of words, 0 to 1, that are random letters.
    """
    random = np.random.default_rng(seed)
    mean = _mean_words(bundle)
    lengths = random.poisson(mean, count).clip(1)
    shares = _word_shares(bundle)
    ids = random.choice(len(shares), size=int(lengths.sum()), p=shares)
    words = [bundle.vocabulary.restore_key(word) for word in ids.tolist()]
    for position in np.flatnonzero(random.random(len(words)) < unknown).tolist():
        words[position] = random.choice(_LETTERS, _UNKNOWN_LETTERS).tobytes().decode()
    ends = np.cumsum(lengths).tolist()
    return [" ".join(words[begin:end]) for begin, end in zip([0, *ends], ends, strict=False)]


def _mean_words(bundle: Bundle) -> float:
    facts = bundle.manifest.training
    documents, tokens = facts.get("documents"), facts.get("tokens")
    if isinstance(documents, int) and isinstance(tokens, int) and documents and tokens:
        return tokens / documents
    return float(DEFAULT_WORDS)


def _word_shares(bundle: Bundle) -> NDArray[np.float64]:
    """Return how often each word occurs (V,), adding up to 1; by Zipf's law where the bundle's weights do not say."""
    weights = np.asarray(bundle.word_weights, np.float64)
    if bundle.manifest.pooling == "tfidf":
        # A word that the share s of documents have occurs −log(1 − s) times in each, if it falls on them by chance.
        shares = -np.log1p(-np.minimum(document_shares(weights), _MOST_DOCUMENTS))
    else:
        shares = SMOOTHING * (1 - weights) / np.maximum(weights, 1e-9)
    if bundle.manifest.pooling not in {"sif", "tfidf"} or not shares.sum() > 0:
        ranks = np.random.default_rng(0).permutation(len(weights)) + 1
        shares = 1 / ranks
    shares = np.maximum(shares, 0)
    return np.asarray(shares / shares.sum(), np.float64)


def make_bodies(texts: list[str], documents: int) -> list[bytes]:
    """Return request bodies of so many documents each, of different texts as far as there are enough."""
    n_bodies = max(4, min(MAX_BODIES, -(-MIN_TEXTS // documents)))
    made = []
    for body in range(n_bodies):
        chosen = [texts[(body * documents + position) % len(texts)] for position in range(documents)]
        made.append(orjson.dumps({"documents": chosen}))
    return made
