"""Pairs and groups of near-duplicates against all pairs at once and brute force."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import complete, fcluster, single

from scoring.corpora.groups import Groups, group
from scoring.corpora.options import CorpusOptions, Linkage
from scoring.corpora.pairs import choose_floor, keep_pairs
from scoring.corpora.regroup import regroup_corpus
from scoring.corpora.results import result_file, summary
from scoring.corpora.tiles import PairHits
from scoring.errors import CorpusError
from scoring.pipeline import ScoringOptions
from scoring.similarity.cosine import unit_vectors
from tests.scoring.corpora.test_neighbours import TEXTS
from tests.support.corpora import score_in_blocks, scorer_of, whole
from tests.support.small_bundle import WORDS


def texts_of(count: int) -> list[str]:
    """Return documents of few words, so that there are many copies."""
    rng = np.random.default_rng(4)
    return [" ".join(rng.choice(WORDS, size=rng.integers(0, 6))) for _ in range(count)]


def pairs_of(lines: bytes) -> list[tuple[str, str, float]]:
    """Return the pairs in a result."""
    return [(line["a"], line["b"], line["similarity"]) for line in map(orjson.loads, lines.splitlines())]


def expected_pairs(bundle: Path, texts: list[str], threshold: float) -> list[tuple[str, str, float]]:
    """Return the pairs as `/score` finds them."""
    found = scorer_of(bundle).score(texts, ScoringOptions("pairs", threshold=threshold)).pairs
    assert found is not None
    columns = zip(found.first.tolist(), found.second.tolist(), found.similarity, strict=True)
    return [(str(a), str(b), float(str(similarity))) for a, b, similarity in columns]


@given(texts=TEXTS, threshold=st.sampled_from([-1.0, 0.0, 0.7, 1.0]))
@settings(max_examples=15)
def test_a_corpus_has_the_pairs_of_all_its_documents_at_once(
    pristine: Path, texts: list[str], threshold: float
) -> None:
    """In order of position, for a threshold that all pairs reach and for one that only copies do."""
    with TemporaryDirectory() as folder:
        path = Path(folder)
        options = CorpusOptions("pairs", threshold=threshold)
        score_in_blocks(pristine, ((None, text) for text in texts), path, options, block_documents=8)

        found = pairs_of(whole(path, "pairs"))

        assert found == expected_pairs(pristine, texts, threshold)
        assert summary(path).pairs == len(found)


def test_pairs_beyond_the_cap_are_counted(pristine: Path, tmp_path: Path) -> None:
    """What is kept are all pairs from some cosine on, and no more than the cap."""
    texts = texts_of(300)
    everything = expected_pairs(pristine, texts, 0.2)
    options = CorpusOptions("pairs", threshold=0.2, max_pairs=len(everything) // 3)

    score_in_blocks(pristine, ((None, text) for text in texts), tmp_path / "corpus", options)

    found, said = pairs_of(whole(tmp_path / "corpus", "pairs")), summary(tmp_path / "corpus")
    assert said.pairs == len(everything)
    assert said.pairs_kept == len(found) <= options.max_pairs
    assert said.pairs_kept_from is not None
    assert found == [pair for pair in everything if pair[2] >= said.pairs_kept_from]
    assert found


def test_the_least_similar_pairs_go_first_and_equal_ones_together() -> None:
    """Four may be kept, but the fourth and the fifth are equal."""
    similarity = np.array([0.9, 0.5, 0.7, 0.5, 0.8, 0.1], np.float32)
    parts = [PairHits(np.arange(6), np.arange(6) + 1, similarity)]

    kept = keep_pairs(parts, 0.2, 4, by_second=False)

    assert kept.pairs.similarity.tolist() == pytest.approx([0.9, 0.7, 0.8])
    assert 0.5 < kept.kept_from < 0.6


def test_a_floor_is_chosen_from_a_sample() -> None:
    """Of 1,000 documents' pairs about as many reach it as may be kept; a threshold that few reach is left alone."""
    units = unit_vectors(np.random.default_rng(5).standard_normal((1_000, 8)).astype(np.float32))
    cosines = (units @ units.T)[np.triu_indices(1_000, 1)]

    floor = choose_floor(units, None, 0.0, 10_000)

    assert 19_000 < np.count_nonzero(cosines >= floor) < 21_000
    assert choose_floor(units, None, 0.99, 10_000) == 0.99
    assert choose_floor(units[:500], units[500:], 0.0, 10_000) == pytest.approx(floor, abs=0.2)


def brute_force(cosines: np.ndarray, threshold: float, linkage: Linkage) -> list[set[int]]:
    """Return the groups of documents by a distance of 2 where cosines are below the threshold."""
    distances = np.where(cosines >= np.float32(threshold), 1 - cosines.astype(np.float64), 2.0)
    condensed = distances[np.triu_indices(len(cosines), 1)]
    merged = single(condensed) if linkage == "components" else complete(condensed)
    labels = fcluster(merged, 1.5, "distance")
    return [set(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)]


def groups_of(found: Groups) -> list[set[int]]:
    """Return the groups as sets."""
    return [set(np.flatnonzero(found.representative == r).tolist()) for r in np.unique(found.representative)]


def symmetric(seed: int, n: int) -> np.ndarray:
    """Return random distinct cosines (n, n)."""
    rng = np.random.default_rng(seed)
    cosines = np.eye(n, dtype=np.float32)
    upper = np.triu_indices(n, 1)
    cosines[upper] = rng.permutation(len(upper[0])).astype(np.float32) / np.float32(len(upper[0]))
    return np.maximum(cosines, cosines.T)


def all_pairs(cosines: np.ndarray) -> PairHits:
    """Return every pair."""
    first, second = np.triu_indices(len(cosines), 1)
    return PairHits(first, second, cosines[first, second])


@pytest.mark.parametrize("linkage", ["components", "complete"])
@given(seed=st.integers(0, 10_000), n=st.integers(2, 25), threshold=st.sampled_from([0.5, 0.8, 0.95]))
@settings(max_examples=40)
def test_groups_are_those_of_hierarchical_clustering(
    linkage: Linkage, seed: int, n: int, threshold: float
) -> None:
    """SciPy's single and complete linkage are the oracles."""
    cosines = symmetric(seed, n)

    found = group(all_pairs(cosines), threshold, linkage, n)

    assert sorted(map(sorted, groups_of(found))) == sorted(
        map(sorted, brute_force(cosines, threshold, linkage))
    )
    assert found.representative.tolist() == [min(g) for i in range(n) for g in groups_of(found) if i in g]
    assert found.size.tolist() == [len(g) for i in range(n) for g in groups_of(found) if i in g]


@given(seed=st.integers(0, 10_000), n=st.integers(2, 12))
@settings(max_examples=40)
def test_the_weakest_link_is_that_of_the_best_chain(seed: int, n: int) -> None:
    """For components the widest path, for complete groups the least cosine within the group."""
    cosines = symmetric(seed, n)
    widest = cosines.copy()
    for middle in range(n):
        widest = np.maximum(widest, np.minimum(widest[:, middle, None], widest[None, middle]))

    chained = group(all_pairs(cosines), 0.6, "components", n)
    tight = group(all_pairs(cosines), 0.6, "complete", n)

    assert chained.weakest_link.tolist() == widest[np.arange(n), chained.representative].tolist()
    for document in range(n):
        others = [i for i in range(n) if tight.representative[i] == tight.representative[document]]
        assert tight.weakest_link[document] == cosines[document, others].min()


def test_components_chain_and_complete_groups_do_not() -> None:
    """A is like B and B like C, A is unlike C."""
    pairs = PairHits(np.array([0, 1]), np.array([1, 2]), np.array([0.95, 0.9], np.float32))

    chained, tight = group(pairs, 0.9, "components", 3), group(pairs, 0.9, "complete", 3)

    assert chained.representative.tolist() == [0, 0, 0]
    assert chained.weakest_link.tolist() == pytest.approx([1, 0.95, 0.9])
    assert tight.representative.tolist() == [0, 0, 2]


def test_groups_are_in_the_lines_and_another_threshold_is_answered_without_comparing(
    pristine: Path, tmp_path: Path
) -> None:
    """As if the corpus had been scored with that threshold; a lower one than was kept is refused."""
    texts = texts_of(120)
    folder, other = tmp_path / "corpus", tmp_path / "other"
    score_in_blocks(pristine, ((None, text) for text in texts), folder, CorpusOptions(duplicates=0.8))
    options = CorpusOptions(duplicates=0.95, linkage="complete")
    score_in_blocks(pristine, ((None, text) for text in texts), other, options)

    answer = regroup_corpus(folder, 0.95, "complete")
    again = result_file(folder, "documents", answer)

    assert b"".join(again.read(0, again.size)) == whole(other)
    lines = [orjson.loads(line) for line in whole(folder).splitlines()]
    components = group_sets(expected_pairs(pristine, texts, 0.8), len(texts))
    assert {line["id"]: line["duplicates"] and line["duplicates"]["size"] for line in lines} == components
    with pytest.raises(
        CorpusError, match=r"duplicates: 0\.5 asked, pairs are kept from 0\.8 on; ask for more"
    ):
        regroup_corpus(folder, 0.5, "components")


def group_sets(pairs: list[tuple[str, str, float]], n: int) -> dict[str, int | None]:
    """Return the size of each document's component, None where it is alone."""
    groups = {str(document): {str(document)} for document in range(n)}
    for a, b, _ in pairs:
        if groups[a] is not groups[b]:
            groups[a] |= groups[b]
            for member in groups[a]:
                groups[member] = groups[a]
    return {name: len(members) if len(members) > 1 else None for name, members in groups.items()}
