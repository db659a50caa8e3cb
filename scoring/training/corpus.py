"""Text files to documents: a document a line (`.txt`, `.cor`), JSON lines with `text`, a folder of `.txt`."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from scoring.errors import CorpusError

LINE_SUFFIXES = (".txt", ".cor")
JSON_SUFFIX = ".jsonl"
# Python's `surrogateescape` decodes a byte that is not of the encoding to one of these characters, which no
# encoding yields otherwise; so the line of the fault is known.
_UNDECODABLE = re.compile("[\udc80-\udcff]")


class _Document(msgspec.Struct):
    """A line of a `.jsonl` file; other fields are ignored."""

    text: str


def read_corpus(path: Path, encoding: str = "utf-8") -> Iterator[str]:
    """Yield the documents of a file or folder, in order; memory is one line, or one file of a folder.

    `.txt`, `.cor`: each line is a document, empty lines included, so that positions are line numbers. `.jsonl`:
    each line that is not blank is an object whose `text` is a document. A folder: each `.txt` file in it or below
    is a document, in the order of their paths.

    Raises: CorpusError, when the fault is reached, in one sentence with file and line: a file that is missing,
    unreadable or of another kind, bytes that are not of the encoding, a line that is no JSON object with `text`,
    or no document at all.
    """
    documents = _documents(path, encoding)
    try:
        empty = True
        for text in documents:
            empty = False
            yield text
    except OSError as error:
        raise CorpusError(f"{error.filename or path}: cannot be read: {error.strerror or error}") from error
    except LookupError as error:
        raise CorpusError(f"{path}: cannot be read, {encoding!r} is no text encoding") from error
    if empty:
        raise CorpusError(f"{path}: holds no documents")


def _documents(path: Path, encoding: str) -> Iterator[str]:
    if not path.exists():
        raise CorpusError(f"{path}: does not exist")
    if path.is_dir():
        for file in sorted(path.rglob("*.txt")):
            yield "".join(_lines(file, encoding))
    elif path.suffix.lower() in LINE_SUFFIXES:
        for line in _lines(path, encoding):
            yield line.removesuffix("\n")
    elif path.suffix.lower() == JSON_SUFFIX:
        yield from _json_documents(path, encoding)
    else:
        raise CorpusError(f"{path}: is no .txt, .cor or .jsonl file and no folder of .txt files")


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """Yield decoded lines with their line ends; a byte order mark is dropped."""
    with path.open(encoding=encoding, errors="surrogateescape") as file:
        try:
            for number, line in enumerate(file, 1):
                if fault := _UNDECODABLE.search(line):
                    byte = f"0x{ord(fault.group()) - 0xDC00:02x}"
                    raise CorpusError(
                        f"{path}, line {number}: the byte {byte} is not {encoding}; --encoding sets another"
                    )
                yield line.removeprefix("\ufeff") if number == 1 else line
        except UnicodeError as error:
            raise CorpusError(f"{path}: is not {encoding} ({error}); --encoding sets another") from error


def _json_documents(path: Path, encoding: str) -> Iterator[str]:
    decoder = msgspec.json.Decoder(_Document)
    for number, line in enumerate(_lines(path, encoding), 1):
        if line.isspace():
            continue
        try:
            yield decoder.decode(line).text
        except (msgspec.DecodeError, RecursionError) as error:
            raise CorpusError(f"{path}, line {number}: {error}") from error
