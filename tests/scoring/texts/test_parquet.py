"""Parquet by pyarrow, where it is installed."""

import sys
from pathlib import Path
from typing import Any

import pytest

from scoring.texts.corpus import read_documents
from scoring.texts.documents import Document, ReadingOptions
from scoring.texts.faults import TextFault


def write(path: Path, columns: dict[str, Any]) -> Path:
    """Write a Parquet file with several row groups."""
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table(columns), path, row_group_size=700)
    return path


def test_rows_are_documents(tmp_path: Path) -> None:
    """Ids may be whole numbers or null."""
    columns = {"n": [0.5] * 2000, "id": [None, *range(1999)], "text": [f"text {i}" for i in range(2000)]}

    documents = list(read_documents(write(tmp_path / "a.parquet", columns)))

    assert len(documents) == 2000
    assert documents[0] == Document(None, "text 0", 1)
    assert documents[-1] == Document("1998", "text 1999", 2000)


@pytest.mark.parametrize("kind", ["string", "large_string", "dictionary"])
def test_every_kind_of_string_is_text(tmp_path: Path, kind: str) -> None:
    """As pandas, polars and Spark write them."""
    arrow = pytest.importorskip("pyarrow")
    texts = arrow.array(["one", "two", "one"])
    texts = texts.dictionary_encode() if kind == "dictionary" else texts.cast(kind)

    path = write(tmp_path / "a.parquet", {"body": texts})

    assert [text for _, text, _ in read_documents(path, ReadingOptions(text_field="body"))] == [
        "one",
        "two",
        "one",
    ]


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        (
            {"body": ["x"], "key": ["y"]},
            ": has no column 'text', only 'body', 'key'; --text-field sets another",
        ),
        ({"text": [1]}, ": the column 'text' holds int64, no text"),
        ({"text": ["x"], "id": [1.5]}, ": the column 'id' holds double, no text"),
        ({"text": ["x", None]}, ", row 2: has no text, its cell is null"),
    ],
)
def test_a_fault_is_one_sentence(tmp_path: Path, columns: dict[str, Any], fault: str) -> None:
    """With the columns that there are."""
    path = write(tmp_path / "a.parquet", columns)

    with pytest.raises(TextFault) as raised:
        list(read_documents(path))

    assert str(raised.value).startswith(f"{path}{fault}")


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    """In one sentence."""
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 or so")

    with pytest.raises(TextFault, match=r"cannot be read as Parquet \(.*\)$"):
        list(read_documents(path))


def test_without_the_library_the_fault_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").touch()

    with pytest.raises(TextFault, match=r"needs pyarrow: pip install 'scorepool\[parquet\]'"):
        list(read_documents(tmp_path / "a.parquet"))
