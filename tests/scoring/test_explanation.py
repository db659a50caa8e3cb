"""Contributions of words against the formula in float64, written out word by word with gensim's hashes of n-grams."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from gensim.models.fasttext import ft_ngram_hashes
from gensim.test.utils import datapath
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.bundle.bundle import Bundle, open_bundle, write_bundle
from scoring.bundle.model import Model
from scoring.embedding.norms import inverse_norms
from scoring.explanation import explain
from scoring.pipeline import Scorer, ScoringOptions
from scoring.texts.corpus import read_corpus
from scoring.tokens.tokenizer import Tokenizer
from tests.support.small_bundle import WORDS, model

STORIES = list(read_corpus(Path(datapath("lee.cor")), encoding="latin-1"))

# Models that differ in how words are pooled and in what unknown words are; `mean` has neither weights nor components.
MODELS: dict[str, Callable[[], Model]] = {
    "sif": model,
    "two components": lambda: model(components=np.eye(4, dtype=np.float32)[:2]),
    "mean": lambda: model(pooling="mean", word_weights=None, components=None, unknown_weight=1.0),
    "fasttext": lambda: model(
        pooling="fasttext", word_weights=inverse_norms(model().word_vectors), components=None
    ),
    "tfidf": lambda: model(pooling="tfidf"),
    "no n-grams": lambda: model(ngram_vectors=None, min_n=0, max_n=0),
}

KNOWN = st.sampled_from(WORDS)
UNKNOWN = st.sampled_from(["gale", "zzzz", "ураган", "a", "2001", "x" * 65])
TEXTS = st.one_of(
    *(st.lists(words, max_size=8).map(" ".join) for words in (KNOWN, UNKNOWN, st.one_of(KNOWN, UNKNOWN)))
)


@dataclass(frozen=True)
class Oracle:
    """The definition: a document is the weighted sum of its words, less its projections on the components."""

    bundle: Bundle

    def vector(self, word: str) -> NDArray[np.float64] | None:
        """Return a word's vector times its weight, None where it has none."""
        row = self.bundle.vocabulary.get(word)
        if row is not None:
            return np.asarray(self.bundle.word_vectors[row].astype(float) * self.bundle.word_weights[row])
        ngrams, manifest = self.bundle.ngram_vectors, self.bundle.manifest
        if ngrams is None:
            return None
        hashes = ft_ngram_hashes(word, manifest.min_n, manifest.max_n, len(ngrams))
        mean = ngrams[hashes].astype(float).mean(axis=0) if len(hashes) else np.zeros(manifest.dimensions)
        weight = 1 / np.linalg.norm(mean) if manifest.pooling == "fasttext" else manifest.unknown_weight
        return np.asarray(mean * weight)

    def factor(self, count: int) -> float:
        """Return how much all occurrences of a token count together."""
        return 1 + math.log(count) if self.bundle.manifest.pooling == "tfidf" else count

    def parts(self, text: str) -> dict[str, NDArray[np.float64]]:
        """Return what the occurrences of each token add to the document's vector."""
        tokens = Tokenizer().tokenize(text)
        vectors = {token: vector for token in set(tokens) if (vector := self.vector(token)) is not None}
        pooled = sum(tokens.count(token) for token in vectors)
        removal = np.eye(self.bundle.manifest.dimensions)
        for component in self.bundle.components.astype(float):
            removal = (np.eye(len(component)) - np.outer(component, component)) @ removal
        return {
            token: removal @ vector * self.factor(tokens.count(token)) / max(1, pooled)
            for token, vector in vectors.items()
        }

    def contributions(self, text: str, other: str) -> dict[str, float]:
        """Return what each token of `text` adds to the cosine with `other`."""
        parts = self.parts(text)
        whole = np.sum([*parts.values(), np.zeros(self.bundle.manifest.dimensions)], axis=0)
        against = np.sum([*self.parts(other).values(), np.zeros(len(whole))], axis=0)
        lengths = float(np.linalg.norm(whole) * np.linalg.norm(against)) or 1.0
        return {token: float(part @ against) / lengths for token, part in parts.items()}


@pytest.fixture(scope="module", params=MODELS)
def oracle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    """Publish one of the models."""
    path = tmp_path_factory.mktemp("model") / "bundle"
    write_bundle(path, MODELS[request.param]())
    return Oracle(open_bundle(path))


@given(TEXTS, TEXTS)
def test_contributions_equal_the_formula(oracle: Oracle, one: str, other: str) -> None:
    """For known and unknown words, for texts without any, with and without n-grams."""
    explanation = explain(oracle.bundle, one, other)

    for document, text, against in zip(explanation.documents, (one, other), (other, one), strict=True):
        found = dict(zip(document.tokens, document.contributions.tolist(), strict=True))
        expected = dict.fromkeys(Tokenizer().tokenize(text), 0.0) | oracle.contributions(text, against)
        assert found == pytest.approx(expected, abs=1e-5)  # vectors of unknown words are float32
        assert sum(found.values()) == pytest.approx(explanation.similarity, abs=1e-9)


@given(TEXTS, TEXTS)
def test_tokens_are_counted_and_the_largest_come_first(oracle: Oracle, one: str, other: str) -> None:
    """Every distinct token is there once, with its count and whether the model knows it."""
    document, _ = explain(oracle.bundle, one, other).documents

    tokens = Tokenizer().tokenize(one)
    assert sorted(document.tokens) == sorted(set(tokens))
    assert document.counts.tolist() == [tokens.count(token) for token in document.tokens]
    assert document.known.tolist() == [token in WORDS for token in document.tokens]
    assert document.contributions.tolist() == sorted(document.contributions, reverse=True)


def test_the_similarity_is_that_of_scoring(demo_bundle: Path) -> None:
    """For every pair of real stories, with unknown words among them, and for a text without words."""
    bundle = open_bundle(demo_bundle)
    texts = [*STORIES[:12], "Zzyzx quokkas", "1,234"]
    matrix = Scorer(bundle).score(texts, ScoringOptions("matrix")).matrix
    assert matrix is not None

    for row, one in enumerate(texts):
        for column, other in enumerate(texts):
            explanation = explain(bundle, one, other)
            assert explanation.similarity == pytest.approx(matrix[row, column], abs=1e-5)
            for document in explanation.documents:
                assert document.contributions.sum() == pytest.approx(explanation.similarity, abs=1e-9)


def test_a_text_without_tokens_has_no_contributions(oracle: Oracle) -> None:
    """Its similarity to anything is 0, and so is what each word of the other adds."""
    explanation = explain(oracle.bundle, "2001, 1.5 %", "the storm")

    empty, words = explanation.documents
    assert explanation.similarity == 0
    assert (list(empty.tokens), words.contributions.tolist()) == ([], [0.0, 0.0])
