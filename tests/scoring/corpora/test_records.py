"""What is found of records after a crash: whole ones only, whatever was cut where."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.corpora.documents import PART_BYTES, DocumentsWriter, Names, read_texts
from scoring.corpora.folder import begin, done_steps
from scoring.corpora.local import prepare
from scoring.corpora.options import CorpusOptions
from scoring.corpora.records import Records, pack, sync, unpack
from scoring.corpora.results import result_file
from scoring.corpora.steps import run_step
from scoring.errors import CorpusError
from tests.support.corpora import score_in_blocks, scorer_of, whole


@given(st.integers(1, 299))
def test_a_record_that_was_cut_is_not_there(tmp_path_factory: pytest.TempPathFactory, lost: int) -> None:
    """The one before is; when the step is repeated, its record is there too."""
    folder = tmp_path_factory.mktemp("records")
    records = Records(folder / "tiles-0")
    payload = pack({"numbers": np.arange(30)})
    records.append(7, 0, payload)
    records.append(7, 1, payload)
    path = folder / "tiles-0" / "7.records"
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - min(lost, len(payload)))

    assert records.done(range(3)) == [0]
    records.append(7, 1, payload)

    assert records.done(range(3)) == [0, 1]
    assert records.read(1) == payload


def test_a_record_with_a_changed_byte_is_damaged(tmp_path: Path) -> None:
    """The checksum covers the payload; the message names the file."""
    records = Records(tmp_path / "tiles-0")
    output = records.append(7, 3, pack({"numbers": np.arange(30)}))
    with (tmp_path / output.segment).open("r+b") as file:
        file.seek(output.length - 5)
        file.write(b"x")

    with pytest.raises(CorpusError, match=r"7\.records: the record of step 3 is damaged"):
        records.read(3)
    with pytest.raises(CorpusError, match="holds no record of step 4"):
        records.read(4)


def test_outputs_can_be_synced_and_arrays_read_in_part(tmp_path: Path) -> None:
    """Rows of one array, named ones, all."""
    records = Records(tmp_path / "blocks")
    arrays: dict[str, Any] = {
        "a": np.arange(12).reshape(4, 3),
        "b": np.array([0.5], np.float32),
        "none": np.empty((0, 3)),
    }

    sync(tmp_path, [records.append(1, 5, pack(arrays))])

    assert records.rows(5, "a", 1, 3).tolist() == [[3, 4, 5], [6, 7, 8]]
    assert records.rows(5, "a", 3, 9).tolist() == [[9, 10, 11]]
    assert [found.tolist() for found in records.some_rows(5, np.array([3, 0]), "a")] == [
        [[9, 10, 11], [0, 1, 2]]
    ]
    assert records.select(5, "b")[0].tolist() == [0.5]
    assert {name: found.shape for name, found in unpack(records.read(5)).items()} == {
        "a": (4, 3),
        "b": (1,),
        "none": (0, 3),
    }


def test_documents_are_read_by_part_and_names_by_position(tmp_path: Path) -> None:
    """A part ends with many documents or much text; a name that is not given is the position."""
    texts = ["é" * 10, "", "x" * PART_BYTES, "last"]
    with DocumentsWriter(tmp_path, first=100) as writer:
        for name, text in zip(["a", None, "ü", None], texts, strict=True):
            writer.add(name, text)

    assert writer.written == (4, 2, sum(len(text.encode()) for text in texts))
    assert read_texts(tmp_path, 0) == (100, texts[:3])
    assert read_texts(tmp_path, 1) == (103, texts[3:])
    assert Names(tmp_path).look_up(np.array([3, 0, 2, 3, 1])) == {0: "a", 1: "101", 2: "ü", 3: "103"}


def test_steps_that_are_repeated_change_nothing(pristine: Path, tmp_path: Path) -> None:
    """As after a crash that lost the count: every step twice, from the documents on."""
    texts = ["storm harbour", "storms", "", "the harbour", "storm"] * 9
    documents = [(None, text) for text in texts]
    score_in_blocks(pristine, documents, tmp_path / "once", CorpusOptions(neighbours=3))
    folder = tmp_path / "twice"
    plan = prepare(pristine, documents, folder, CorpusOptions(neighbours=3))
    begin(folder, plan)
    scorer = scorer_of(pristine)

    for number, stage in enumerate(plan.stages):
        assert done_steps(folder, number) == []
        for step in [*range(stage.count), *range(stage.count)]:
            run_step(folder, scorer, number, step)
        assert done_steps(folder, number) == list(range(stage.count))

    assert whole(folder) == whole(tmp_path / "once")


def test_a_result_is_read_by_ranges(pristine: Path, tmp_path: Path) -> None:
    """Any range of the lines, and of the vectors as NumPy reads them."""
    documents = [(None, f"storm {word}") for word in ["harbour", "", "the", "gale"] * 80]
    score_in_blocks(pristine, documents, tmp_path, CorpusOptions("none"))
    expected = whole(tmp_path)
    lines, vectors = result_file(tmp_path), result_file(tmp_path, "vectors")

    for start, stop in [(0, 10), (5, 5), (100, 40_000), (len(expected) - 3, len(expected) + 9)]:
        assert b"".join(lines.read(start, stop)) == expected[start:stop]
    (tmp_path / "vectors.npy").write_bytes(b"".join(vectors.read(0, vectors.size)))
    loaded = np.load(tmp_path / "vectors.npy")
    assert loaded.shape == (320, 4)
    for position in (0, 319):
        alone = scorer_of(pristine).embed([documents[position][1]]).doc_vectors
        np.testing.assert_allclose(loaded[position], alone[0], atol=1e-6)
    with pytest.raises(CorpusError, match="keeps no pairs"):
        result_file(tmp_path, "pairs")


def test_a_step_does_not_bring_back_a_corpus_that_was_removed(tmp_path: Path) -> None:
    """It may have been under way when the folder went."""
    with pytest.raises(FileNotFoundError):
        Records(tmp_path / "removed" / "tiles-0").append(7, 0, b"")

    assert list(tmp_path.iterdir()) == []
