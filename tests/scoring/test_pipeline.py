"""The stages together, on real documents: what holds for any batch, in any order."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from gensim.test.utils import datapath
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.bundle.bundle import open_bundle
from scoring.pipeline import Scorer, Scores, ScoringOptions, SimilarityKind
from scoring.texts.corpus import read_corpus

STORIES = list(read_corpus(Path(datapath("lee.cor")), encoding="latin-1"))
SIMILARITIES: tuple[SimilarityKind, ...] = get_args(SimilarityKind)
EMPTY = ["", "2001", "1,234.56 %", "— … !", "\n\t "]


@pytest.fixture(scope="module")
def scorer(demo_bundle: Path) -> Scorer:
    """Return a scorer with the demonstration model."""
    return Scorer(open_bundle(demo_bundle))


@given(st.permutations(range(12)))
@settings(max_examples=25, deadline=None)
def test_permuting_documents_permutes_the_answer(scorer: Scorer, order: list[int]) -> None:
    """The position of a document in a batch changes only its position in the answer."""
    texts = [*STORIES[:10], *EMPTY[:2]]
    straight = scorer.score(texts, ScoringOptions("neighbours", 3))

    permuted = scorer.score([texts[i] for i in order], ScoringOptions("neighbours", 3))

    assert straight.neighbours is not None
    assert permuted.neighbours is not None
    np.testing.assert_allclose(permuted.embedded.doc_vectors, straight.embedded.doc_vectors[order], atol=1e-6)
    np.testing.assert_array_equal(permuted.assignment.labels, straight.assignment.labels[order])
    np.testing.assert_allclose(
        permuted.neighbours.similarities, straight.neighbours.similarities[order], atol=1e-6
    )
    original = np.append(order, -1)[permuted.neighbours.indices]
    np.testing.assert_array_equal(original, straight.neighbours.indices[order])


def test_a_batch_scores_as_its_documents_do_alone(scorer: Scorer) -> None:
    """Vectors, clusters and outlier shares of a document do not depend on the other documents of the request."""
    texts = [*STORIES, *EMPTY]

    together = scorer.score(texts, ScoringOptions("none"))

    for row, text in enumerate(texts):
        alone = scorer.score([text], ScoringOptions("none"))
        np.testing.assert_allclose(
            alone.embedded.doc_vectors[0], together.embedded.doc_vectors[row], atol=1e-6
        )
        assert alone.assignment.labels[0] == together.assignment.labels[row]
        assert alone.outlier is not None
        assert together.outlier is not None
        assert alone.outlier[0] == pytest.approx(together.outlier[row], abs=1e-5)


@pytest.mark.parametrize("similarity", ["neighbours", "pairs", "matrix", "none"])
@given(st.lists(st.one_of(st.text(max_size=60), st.sampled_from([*STORIES, *EMPTY])), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_every_float_is_finite(scorer: Scorer, similarity: SimilarityKind, texts: list[str]) -> None:
    """No text, however odd, makes a NaN or an infinity."""
    scores = scorer.score(texts, ScoringOptions(similarity, 3, threshold=-1.0))

    arrays = [
        scores.embedded.doc_vectors,
        scores.assignment.distance,
        scores.assignment.margin,
        scores.outlier,
    ]
    if scores.neighbours is not None:
        arrays.append(scores.neighbours.similarities)
    if scores.pairs is not None:
        arrays.append(scores.pairs.similarity)
    if scores.matrix is not None:
        arrays.append(scores.matrix)
    assert all(np.isfinite(array).all() for array in arrays if array is not None)
    assert all(np.isfinite(summary.cohesion) for summary in scores.clusters)


@pytest.mark.parametrize("text", EMPTY)
def test_a_text_without_words_has_no_vector_and_no_neighbours(scorer: Scorer, text: str) -> None:
    """Texts of digits, of punctuation and of nothing are left out of clusters and comparisons."""
    scores = scorer.score([STORIES[0], text, STORIES[1]], ScoringOptions("neighbours", 5))

    assert scores.neighbours is not None
    assert scores.embedded.present.tolist() == [True, False, True]
    assert not scores.embedded.doc_vectors[1].any()
    assert scores.embedded.tokens[1] == 0
    assert sum(summary.size for summary in scores.clusters) == 2
    assert scores.neighbours.indices.tolist() == [[2, -1, -1, -1, -1], [-1] * 5, [0, -1, -1, -1, -1]]


HINDI = "प्रधानमंत्री ने कहा कि सरकार किसानों के लिए नई योजना लाएगी"
GERMAN = "Der Minister sagte, die Regierung werde neue Maßnahmen gegen die Arbeitslosigkeit beschließen"


@pytest.mark.parametrize("text", ["北京", "zq xj", "zq xj 北京"])
def test_a_text_whose_vector_is_zero_has_no_cluster_and_no_neighbours(scorer: Scorer, text: str) -> None:
    """Its words are too short for the model's n-grams; they count as tokens, and as unknown."""
    scores = scorer.score([STORIES[0], text, STORIES[1], text], ScoringOptions("neighbours", 5))

    assert scores.neighbours is not None
    assert scores.embedded.present.tolist() == [True, False, True, False]
    assert scores.embedded.tokens[[1, 3]].tolist() == [len(text.split())] * 2
    assert scores.embedded.known[[1, 3]].tolist() == [0, 0]
    assert scores.assignment.labels[[1, 3]].tolist() == [-1, -1]
    assert scores.neighbours.indices[1].tolist() == [-1] * 5


@pytest.mark.parametrize("text", [HINDI, GERMAN, "Unverständliches gewäsch", "qwertz asdfgh yxcvbn zuiopp"])
def test_a_text_of_unknown_words_is_a_stranger(scorer: Scorer, text: str) -> None:
    """However near to a centroid: the vectors of such texts are short, or made by chance."""
    scores = scorer.score([text, *STORIES], ScoringOptions("none"))

    assert scores.outlier is not None
    assert scores.embedded.present[0]
    assert scores.embedded.known[0] < scores.embedded.tokens[0] / 2
    assert scores.outlier[0] > 0.99
    assert np.median(scores.outlier[1:]) < 0.97


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 7), st.sampled_from(SIMILARITIES)), max_size=6))
@settings(max_examples=25, deadline=None)
def test_requests_compared_together_are_compared_as_alone(
    scorer: Scorer, requests: list[tuple[int, int, SimilarityKind]]
) -> None:
    """To the bit, for any options of each request."""
    texts = [*STORIES[:20], *EMPTY, *STORIES[:15]]
    sizes = [size for size, _, _ in requests]
    options = [ScoringOptions(similarity, m, threshold=0.1) for _, m, similarity in requests]
    clustered = scorer.cluster(scorer.embed([text for size in sizes for text in texts[-size:][:size]]))

    together = scorer.compare_all(clustered, sizes, options)

    for size, option, scores in zip(sizes, options, together, strict=True):
        alone = scorer.score(texts[-size:][:size], option)
        assert scores.clusters == alone.clusters
        for found, expected in zip(_results(scores), _results(alone), strict=True):
            np.testing.assert_array_equal(found, expected)


def _results(scores: Scores) -> list[object]:
    near, found = scores.neighbours, scores.pairs
    return [
        scores.assignment.labels,
        scores.outlier,
        scores.matrix,
        *([] if near is None else [near.indices, near.similarities]),
        *([] if found is None else [found.first, found.second, found.similarity, found.truncated]),
    ]
