"""Reading corpora: three kinds of input, and faults that name file and line."""

from pathlib import Path

import pytest
from gensim.test.utils import datapath

from scoring.errors import CorpusError
from scoring.training.corpus import read_corpus


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


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    """A mark in front of the first line is dropped; JSON after it is read."""
    path = write(tmp_path / "stories.jsonl", b'\xef\xbb\xbf{"text": "one"}\n')

    assert list(read_corpus(path)) == ["one"]


def test_json_lines_give_their_text(tmp_path: Path) -> None:
    """Other members and blank lines are ignored."""
    path = write(tmp_path / "stories.jsonl", b'{"id": 1, "text": "caf\\u00e9"}\n\n{"text": "two\\nlines"}\n')

    assert list(read_corpus(path)) == ["café", "two\nlines"]


def test_a_folder_gives_its_text_files_by_path(tmp_path: Path) -> None:
    """Every .txt file, of subfolders too, is one document with all its lines; other files are ignored."""
    (tmp_path / "sub").mkdir()
    write(tmp_path / "b.txt", b"second\nfile")
    write(tmp_path / "a.txt", b"first")
    write(tmp_path / "sub" / "c.txt", b"third")
    write(tmp_path / "notes.md", b"ignored")

    assert list(read_corpus(tmp_path)) == ["first", "second\nfile", "third"]


def test_the_lee_corpora_are_read_whole() -> None:
    """One is UTF-8 and the other Latin-1; `encoding` says so."""
    assert len(list(read_corpus(Path(datapath("lee_background.cor"))))) == 300
    assert len(list(read_corpus(Path(datapath("lee.cor")), encoding="latin-1"))) == 50


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.txt", b"fine\nna\xefve\n", "a.txt, line 2: the byte 0xef is not utf-8; --encoding sets another"),
        ("a.jsonl", b'{"text": "caf\xe9"}\n', "a.jsonl, line 1: the byte 0xe9 is not utf-8"),
        ("a.jsonl", b'{"text": "fine"}\nfine\n', "a.jsonl, line 2: JSON is malformed"),
        ("a.jsonl", b'{"body": "x"}\n', "a.jsonl, line 1: Object missing required field `text`"),
        ("a.jsonl", b'{"text": null}\n', "a.jsonl, line 1: Expected `str`, got `null`"),
        ("a.jsonl", b"[" * 100_000 + b"\n", "a.jsonl, line 1: "),
        ("a.txt", b"", "a.txt: holds no documents"),
        ("a.csv", b"text\n", "a.csv: is no .txt, .cor or .jsonl file"),
    ],
)
def test_a_fault_names_file_and_line(tmp_path: Path, name: str, content: bytes, fault: str) -> None:
    """Every fault is one sentence that names the file and line."""
    path = write(tmp_path / name, content)

    with pytest.raises(CorpusError) as raised:
        list(read_corpus(path))

    assert fault in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path))
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


@pytest.mark.parametrize("encoding", ["klingon", "zlib"])
def test_an_unknown_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    """Unknown names are refused, and codecs that are not for text."""
    path = write(tmp_path / "a.txt", b"fine\n")

    with pytest.raises(CorpusError, match=f"'{encoding}' is no text encoding"):
        list(read_corpus(path, encoding))


def test_text_that_an_encoding_cannot_hold_is_a_fault(tmp_path: Path) -> None:
    """An odd number of bytes in UTF-16 is a CorpusError, not a UnicodeError."""
    path = write(tmp_path / "a.txt", b"\xff\xfea\x00b")

    with pytest.raises(CorpusError, match="is not utf-16"):
        list(read_corpus(path, "utf-16"))
