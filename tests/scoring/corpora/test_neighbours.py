"""Neighbours of a corpus against those of all its documents at once: the same lines, byte for byte."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.corpora.arrangement import find_leaves, in_blocks, learn_tree, tree_depth
from scoring.corpora.lists import Hits, Lists, lists_within
from scoring.corpora.options import CorpusOptions
from scoring.corpora.plan import Plan
from scoring.corpora.tiles import Block, compare
from scoring.lines import documents
from scoring.pipeline import ScoringOptions
from scoring.similarity.neighbours import Neighbours, find_neighbours
from tests.support.corpora import score_in_blocks, scorer_of, whole
from tests.support.document_vectors import Vectors, units
from tests.support.small_bundle import WORDS

# Few words make many copies, ties, documents without any, and some of words that the model does not know.
TEXTS = st.lists(
    st.lists(st.sampled_from([*WORDS, "gale", "storming", "2024"]), max_size=5).map(" ".join), min_size=1
)


def in_rounds(vectors: Vectors, m: int, size: int) -> Neighbours:
    """Return the neighbours as a plan's rounds find them, on arrays alone."""
    n = len(vectors)
    order = in_blocks(find_leaves(vectors, learn_tree(vectors, tree_depth(50 * n))), size)
    parts = [order[start : start + size] for start in range(0, n, size)]
    lists = [lists_within(vectors[part], part, m) for part in parts]
    for tiles in Plan(n, 1, vectors.shape[1], CorpusOptions(neighbours=m), None, size).rounds:
        blocks = [
            Block(vectors[part], part).with_lists(found) for part, found in zip(parts, lists, strict=True)
        ]
        hits: list[list[Hits]] = [[] for _ in blocks]
        for step in range(tiles.tiles):
            row, column = tiles.tile(step)
            found = compare(blocks[row], blocks[column], m)
            hits[row].append(found.rows)
            hits[column].append(found.columns)
        lists = [before.merged(Hits.concatenate(some)) for before, some in zip(lists, hits, strict=True)]
    indices, similarities = np.empty((n, m), np.int64), np.empty((n, m), np.float32)
    for part, found_lists in zip(parts, lists, strict=True):
        indices[part], similarities[part] = found_lists.positions, found_lists.similarities
    return Neighbours(indices, similarities)


@given(units(1, 150), st.integers(1, 20), st.sampled_from([3, 16, 50]))
@settings(max_examples=60)
def test_rounds_of_tiles_find_the_neighbours_of_all_at_once(vectors: Vectors, m: int, size: int) -> None:
    """To the bit, with copies and ties, for any size of blocks, and for fewer documents than neighbours."""
    expected = find_neighbours(vectors, m)

    found = in_rounds(vectors, m, size)

    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.similarities, expected.similarities)


@given(texts=TEXTS, m=st.integers(1, 12), size=st.sampled_from([4, 16]))
@settings(max_examples=15)
def test_a_corpus_has_the_lines_of_all_its_documents_at_once(
    pristine: Path, texts: list[str], m: int, size: int
) -> None:
    """Ids, clusters, tokens and neighbours, with ties, copies and documents without a vector."""
    scores = scorer_of(pristine).score(texts, ScoringOptions("neighbours", m))
    ids = [f"d{position}" for position in range(len(texts))]
    expected = [orjson.dumps(line) for line in documents(ids, scores, vectors=False)]

    with TemporaryDirectory() as folder:
        named = zip(ids, texts, strict=True)
        score_in_blocks(pristine, named, Path(folder), CorpusOptions(neighbours=m), block_documents=size)

        assert whole(Path(folder)).splitlines() == expected


@pytest.mark.parametrize("processes", [1, 2])
def test_several_processes_give_the_same_bytes(pristine: Path, tmp_path: Path, processes: int) -> None:
    """Several parts, several rounds."""
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(0, 6))) for _ in range(600)]
    scores = scorer_of(pristine).score(texts, ScoringOptions("neighbours", 7))
    ids = [str(position) for position in range(len(texts))]
    expected = b"".join(orjson.dumps(line) + b"\n" for line in documents(ids, scores, vectors=False))

    score_in_blocks(
        pristine,
        ((None, text) for text in texts),
        tmp_path / "corpus",
        CorpusOptions(neighbours=7),
        block_documents=64,
        processes=processes,
    )

    assert whole(tmp_path / "corpus") == expected


def test_lists_keep_the_best_of_both_and_the_lower_position_of_ties() -> None:
    """A hit that ties with the last of a full list gets in when its position is lower."""
    lists = Lists(np.array([[4, 9], [7, -1]]), np.array([[0.5, 0.25], [-0.5, 0]], np.float32))
    hits = Hits(np.array([1, 0, 1]), np.array([3, 8, 2]), np.array([-0.5, 0.25, -0.75], np.float32))

    merged = lists.merged(hits)

    assert merged.positions.tolist() == [[4, 8], [3, 7]]
    assert merged.similarities.tolist() == [[0.5, 0.25], [-0.5, -0.5]]
