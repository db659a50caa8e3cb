"""A corpus compared with a finished one, and added to it: as if all documents had been scored together."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.corpora.folder import base_of
from scoring.corpora.options import CorpusOptions
from scoring.corpora.plan import Plan
from scoring.corpora.results import summary
from scoring.errors import CorpusError
from scoring.pipeline import ScoringOptions
from tests.scoring.corpora.test_neighbours import TEXTS
from tests.scoring.corpora.test_pairs import expected_pairs, pairs_of, texts_of
from tests.support.corpora import score_in_blocks, scorer_of, whole

M = 4


def score(bundle: Path, texts: list[str], folder: Path, **options: Any) -> None:
    """Score documents that are named by their positions, in blocks of 8."""
    documents = ((None, text) for text in texts)
    score_in_blocks(bundle, documents, folder, CorpusOptions(**options), block_documents=8)


def lines_of(folder: Path) -> list[Any]:
    """Return the decoded lines of a corpus."""
    return [orjson.loads(line) for line in whole(folder).splitlines()]


@given(old=TEXTS, new=TEXTS, third=TEXTS)
@settings(max_examples=8)
def test_a_corpus_that_is_added_to_has_the_lines_of_all_together(
    pristine: Path, old: list[str], new: list[str], third: list[str]
) -> None:
    """The lists of old documents too; and again, when it is added to once more and the others are gone."""
    with TemporaryDirectory() as folder:
        first, second, last, alone = (Path(folder) / name for name in ("1", "2", "3", "all"))
        options: dict[str, Any] = {"neighbours": M, "duplicates": 0.9}
        score(pristine, old, first, **options)
        score(pristine, new, second, **options, against=str(first), append=True)
        shutil.rmtree(first)
        score(pristine, third, last, **options, against=str(second), append=True)
        shutil.rmtree(second)
        score(pristine, [*old, *new, *third], alone, **options)

        assert whole(last) == whole(alone)
        assert whole(last, "pairs") == whole(alone, "pairs")
        assert whole(last, "vectors") == whole(alone, "vectors")
        assert summary(last) == summary(alone)


@given(old=TEXTS, new=TEXTS, m=st.integers(1, 9))
@settings(max_examples=8)
def test_a_corpus_that_is_compared_with_another_lists_documents_of_that_one(
    pristine: Path, old: list[str], new: list[str], m: int
) -> None:
    """Exactly those that are nearest of the old ones, as all together say."""
    together = scorer_of(pristine).score([*old, *new], ScoringOptions("neighbours", len(old) + len(new)))
    assert together.neighbours is not None
    rows = zip(together.neighbours.indices.tolist(), together.neighbours.similarities, strict=True)
    expected = [
        [
            {"id": str(j), "similarity": float(str(value))}
            for j, value in zip(indices, values, strict=True)
            if 0 <= j < len(old)
        ][:m]
        for indices, values in list(rows)[len(old) :]
    ]

    with TemporaryDirectory() as folder:
        first, second = Path(folder) / "1", Path(folder) / "2"
        score(pristine, old, first, neighbours=1)
        score(pristine, new, second, neighbours=m, against=str(first))

        lines = lines_of(second)

    assert [line["neighbours"] for line in lines] == expected
    assert [line["id"] for line in lines] == [str(len(old) + i) for i in range(len(new))]


@pytest.mark.parametrize("append", [False, True])
def test_new_documents_are_like_none_that_came_before(pristine: Path, tmp_path: Path, append: bool) -> None:
    """Those without a pair with the finished corpus; whether pairs and lists are asked for or not."""
    texts = texts_of(130)
    old, new = texts[:50], texts[50:]
    pairs = expected_pairs(pristine, texts, 0.999)
    like = {int(b) for a, b, _ in pairs if int(a) < 50 <= int(b)}
    score(pristine, old, tmp_path / "old", similarity="neighbours")

    score(pristine, new, tmp_path / "new", new=0.999, against=str(tmp_path / "old"), append=append)

    found = lines_of(tmp_path / "new")
    assert {int(line["id"]) for line in found if line["new"] is False} == like
    assert 0 < len(like) < len(new)
    assert all(line["new"] is None for line in found if line["cluster"] is None or int(line["id"]) < 50)


def test_pairs_with_a_finished_corpus_name_the_new_document_first(pristine: Path, tmp_path: Path) -> None:
    """Only pairs of a new document and an old one, by new document; the cap holds for them too."""
    texts = texts_of(130)
    old, new = texts[:50], texts[50:]
    expected = [
        (b, a, value) for a, b, value in expected_pairs(pristine, texts, 0.5) if int(a) < 50 <= int(b)
    ]
    score(pristine, old, tmp_path / "old", similarity="neighbours")

    for name, cap in (("all", len(expected)), ("some", 500)):
        options = {"similarity": "pairs", "threshold": 0.5, "max_pairs": cap}
        score(pristine, new, tmp_path / name, **options, against=str(tmp_path / "old"))

    found = pairs_of(whole(tmp_path / "all", "pairs"))
    assert sorted(found, key=by_position) == sorted(expected, key=by_position)
    assert found == sorted(found, key=by_position)
    assert len(pairs_of(whole(tmp_path / "some", "pairs"))) <= 500
    assert summary(tmp_path / "some").pairs == len(expected)


def by_position(pair: tuple[str, str, float]) -> tuple[int, int]:
    """Return the positions that two documents are named by."""
    return int(pair[0]), int(pair[1])


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            {"neighbours": 3},
            {"neighbours": 4},
            "neighbours: 4 asked, the corpus that is added to has lists of 3",
        ),
        (
            {},
            {"duplicates": 0.9},
            "append: pairs from 0.9 on are needed, the corpus that is added to has no pairs",
        ),
        (
            {"duplicates": 0.95},
            {"duplicates": 0.9},
            "append: pairs from 0.9 on are needed, the corpus that is added to has pairs from 0.95 on",
        ),
    ],
)
def test_what_the_finished_corpus_does_not_have_cannot_be_added_to(
    pristine: Path, tmp_path: Path, before: dict[str, Any], after: dict[str, Any], message: str
) -> None:
    """The message says what it has."""
    score(pristine, ["storm", "harbour"], tmp_path / "old", **before)

    with pytest.raises(ValueError, match=message):
        score(pristine, ["storm"], tmp_path / "new", **after, against=str(tmp_path / "old"), append=True)


def test_a_corpus_that_was_only_compared_is_none_to_compare_with(pristine: Path, tmp_path: Path) -> None:
    """Its own documents were not compared with one another; vectors of another model do not fit either."""
    score(pristine, ["storm", "harbour"], tmp_path / "old")
    score(pristine, ["storm"], tmp_path / "new", against=str(tmp_path / "old"))

    with pytest.raises(CorpusError, match="was compared with another corpus and not added to it"):
        base_of(tmp_path / "new")
    with pytest.raises(CorpusError, match="is no corpus"):
        base_of(tmp_path)
    base, options = base_of(tmp_path / "old"), CorpusOptions(against=str(tmp_path / "old"))
    with pytest.raises(ValueError, match="its vectors have 4 dimensions and those of this model 9"):
        Plan.of(1, 9, options, parts=1, base=base)
    with pytest.raises(ValueError, match="append and new go with against"):
        CorpusOptions(append=True)
