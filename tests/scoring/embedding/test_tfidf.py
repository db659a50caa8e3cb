"""Pooling by tfidf: damped repetitions, unit lengths."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from scoring.bundle.bundle import open_bundle, write_bundle
from scoring.embedding.embedder import Embedder
from scoring.embedding.tfidf import damp_repetitions, scale_to_unit_length
from scoring.tokens.tokenizer import Tokenizer
from tests.support.small_bundle import model


@given(st.lists(st.lists(st.integers(-2, 9), max_size=12), max_size=6))
def test_the_words_of_a_document_add_up_to_one_and_a_logarithm(documents: list[list[int]]) -> None:
    """All occurrences of an id in a document together count 1 + log c, whatever other documents have."""
    ids = np.array([word for words in documents for word in words], np.int32)
    bounds = np.cumsum([0, *map(len, documents)])

    damping = damp_repetitions(ids, bounds)

    for words, start in zip(documents, bounds.tolist(), strict=False):
        for word in set(words):
            total = sum(damping[start + at] for at, other in enumerate(words) if other == word)
            np.testing.assert_allclose(total, 1 + np.log(words.count(word)), rtol=1e-5)


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2), elements=st.floats(-8, 8, width=32)))
def test_vectors_have_length_one_or_none(vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> None:
    """What is as short as rounding is none; the direction stays."""
    before = vectors.astype(np.float64)

    scale_to_unit_length(vectors)

    lengths = np.linalg.norm(before, axis=1)
    kept = lengths > 2e-6
    np.testing.assert_allclose(vectors[kept], before[kept] / lengths[kept, None], atol=1e-6)
    assert not vectors[lengths < 5e-7].any()


def test_documents_follow_the_formula(tmp_path: Path) -> None:
    """Σ (1 + log c) g v over distinct words, known or not, less the components, of length 1."""
    given_model = model(pooling="tfidf")
    write_bundle(tmp_path / "tfidf", given_model)
    write_bundle(tmp_path / "words", model(components=None))
    bundle = open_bundle(tmp_path / "tfidf")
    single = Embedder(open_bundle(tmp_path / "words"))
    texts = ["the storm the the gale", "harbour storms storms zyzzyva", "storm", "gale gale hurricane the"]

    doc_vectors = Embedder(bundle).embed(texts).doc_vectors

    for text, vector in zip(texts, doc_vectors, strict=True):
        words = sorted(set(Tokenizer().tokenize(text)))
        factors = 1 + np.log([Tokenizer().tokenize(text).count(word) for word in words])
        expected = factors @ single.embed(words).doc_vectors
        for component in bundle.components.astype(np.float64):
            expected -= (expected @ component) * component
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-5)
