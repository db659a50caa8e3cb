"""Files, folders and standard input: what a name says, which documents there are, faults with file and line."""

import gzip
import io
import sys
from pathlib import Path

import pytest
from gensim.test.utils import datapath

from scoring.errors import CorpusError
from scoring.texts.corpus import STANDARD_INPUT, read_corpus, read_documents
from scoring.texts.documents import Document, Format, ReadingLimits, ReadingOptions
from scoring.texts.faults import TextFault
from tests.support import zstd


def write(path: Path, content: bytes) -> Path:
    """Write a file and return its path."""
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("suffix", [".txt", ".cor", ".TXT"])
def test_a_line_is_a_document(tmp_path: Path, suffix: str) -> None:
    """Lines become documents in order; an empty line is an empty document, so positions are line numbers."""
    path = write(tmp_path / f"stories{suffix}", b"Storms close the harbour\r\n\nRates rise again\n")

    assert list(read_corpus(path)) == ["Storms close the harbour", "", "Rates rise again"]


def test_only_line_ends_separate_documents(tmp_path: Path) -> None:
    """A form feed or a Unicode line separator inside a line does not end the document."""
    path = write(tmp_path / "stories.txt", "one\x0ctwo\u2028three".encode())

    assert list(read_corpus(path)) == ["one\x0ctwo\u2028three"]


def test_a_folder_gives_its_text_files_by_path(tmp_path: Path) -> None:
    """Every .txt file, of subfolders too, is one document with all its lines, called by its path."""
    (tmp_path / "sub").mkdir()
    write(tmp_path / "b.txt", b"second\nfile")
    write(tmp_path / "a.txt.gz", gzip.compress(b"first"))
    write(tmp_path / "sub" / "c.txt", b"\xff\xfet\x00h\x00")
    write(tmp_path / "notes.md", b"ignored")

    assert list(read_documents(tmp_path)) == [
        Document("a.txt.gz", "first", 1),
        Document("b.txt", "second\nfile", 2),
        Document("sub/c.txt", "th", 3),
    ]


def test_the_lee_corpora_are_read_whole() -> None:
    """One is UTF-8 and the other Latin-1; `encoding` says so."""
    assert len(list(read_corpus(Path(datapath("lee_background.cor"))))) == 300
    assert len(list(read_corpus(Path(datapath("lee.cor")), encoding="latin-1"))) == 50


@pytest.mark.parametrize(
    ("name", "content", "format_"),
    [
        ("a.ndjson", b'{"text": "one"}\n', None),
        ("a.jsonl.gz", gzip.compress(b'{"text": "one"}\n'), None),
        ("a.csv.ZST", zstd.compress(b"text\none\n"), None),
        ("a.tsv", b"text\tid\none\t\n", None),
        ("a.dump", b'{"text": "one"}\n', Format.JSON_LINES),
        ("a.csv", b"one\n", Format.LINES),
    ],
)
def test_the_name_says_the_format_unless_an_option_does(
    tmp_path: Path, name: str, content: bytes, format_: Format | None
) -> None:
    """Of what is inside a compressed file, too."""
    path = write(tmp_path / name, content)

    documents = list(read_documents(path, ReadingOptions(format=format_)))

    assert [document.text for document in documents] == ["one"]


@pytest.mark.parametrize(
    ("content", "format_"),
    [(b'{"text": "one", "id": "a"}\n', None), (gzip.compress(b"id,text\na,one\n"), Format.CSV)],
)
def test_standard_input_is_json_lines_unless_an_option_says_otherwise(
    content: bytes, format_: Format | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is expanded where it is compressed."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    (document,) = read_documents(STANDARD_INPUT, ReadingOptions(format=format_))

    assert document[:2] == ("a", "one")


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.txt", b"", "a.txt: holds no documents"),
        ("a.csv", b"", "a.csv: holds no documents"),
        ("a.docx", b"text\n", "a.docx: is no .txt, .jsonl, .csv, .tsv or .parquet file"),
        ("a.txt", b"fine\nna\xefve\n", "a.txt, line 2: the byte 0xef is not utf-8; --encoding sets another"),
    ],
)
def test_a_fault_names_file_and_line(tmp_path: Path, name: str, content: bytes, fault: str) -> None:
    """Every fault is one sentence."""
    path = write(tmp_path / name, content)

    with pytest.raises(CorpusError) as raised:
        list(read_corpus(path))

    assert str(raised.value).startswith(f"{tmp_path}/{fault}")
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error names the path."""
    with pytest.raises(CorpusError, match=r"nowhere\.txt: does not exist"):
        list(read_corpus(tmp_path / "nowhere.txt"))


def test_a_folder_without_text_files_holds_no_documents(tmp_path: Path) -> None:
    """An empty folder is an empty corpus."""
    with pytest.raises(CorpusError, match="holds no documents"):
        list(read_corpus(tmp_path))


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    """An error of the operating system names the file: here a folder with a file's name."""
    (tmp_path / "folder.txt").mkdir()

    with pytest.raises(CorpusError, match=r"folder\.txt: cannot be read: Is a directory"):
        list(read_corpus(tmp_path))


@pytest.mark.parametrize(
    ("limits", "code", "fault"),
    [
        (
            ReadingLimits(document_bytes=7),
            "document_too_large",
            "line 3: the text has more than 7 bytes in UTF-8",
        ),
        (ReadingLimits(documents=2), "too_many_documents", "line 4: there are more than 2 documents"),
        (ReadingLimits(total_bytes=20), "body_too_large", "the texts are larger in all than is allowed"),
    ],
)
def test_limits_end_the_reading(tmp_path: Path, limits: ReadingLimits, code: str, fault: str) -> None:
    """With the code that the service answers; `é` counts as the two bytes that it takes."""
    path = write(tmp_path / "a.csv", "text\nlonger\nééééé\nshort\n".encode())

    with pytest.raises(TextFault) as raised:
        list(read_documents(path, limits=limits))

    assert raised.value.code == code
    assert fault in str(raised.value)


def test_a_text_at_its_limit_is_read(tmp_path: Path) -> None:
    """The limit is allowed."""
    path = write(tmp_path / "a.txt", "éé\n".encode())

    assert [text for _, text, _ in read_documents(path, limits=ReadingLimits(document_bytes=4))] == ["éé"]
