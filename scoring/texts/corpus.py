"""Files, folders and standard input to documents: what a name says of their format, and which reader takes it."""

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from scoring.texts.compression import Compression, DamagedError, Expanded, Readable
from scoring.texts.documents import Document, Format, ReadingLimits, ReadingOptions
from scoring.texts.faults import Place, TextFault
from scoring.texts.json_lines import json_documents
from scoring.texts.lines import Lines
from scoring.texts.parquet import parquet_documents
from scoring.texts.tables import table_documents

STANDARD_INPUT = Path("-")

_FORMATS = {
    ".txt": Format.LINES,
    ".cor": Format.LINES,
    ".jsonl": Format.JSON_LINES,
    ".ndjson": Format.JSON_LINES,
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".parquet": Format.PARQUET,
}
_COMPRESSIONS = {".gz": Compression.GZIP, ".zst": Compression.ZSTD}
_FOLDER_PATTERNS = ("*.txt", "*.txt.gz", "*.txt.zst")

_DEFAULT_OPTIONS = ReadingOptions()
_DEFAULT_LIMITS = ReadingLimits()


def read_corpus(path: Path, encoding: str = "utf-8") -> Iterator[str]:
    """Yield the texts alone, as `read_documents` does. Raises: CorpusError."""
    return texts_of(read_documents(path, ReadingOptions(encoding, ids=False)))


def begun(texts: Iterable[str]) -> Iterator[str]:
    """Return the texts after the first was read, so that a file that cannot be read is known now. Raises: TextFault."""
    rest = iter(texts)
    return chain(list(islice(rest, 1)), rest)


def texts_of(documents: Iterable[Document]) -> Iterator[str]:
    """Yield the documents' texts."""
    return (document.text for document in documents)


def read_documents(
    path: Path, options: ReadingOptions = _DEFAULT_OPTIONS, limits: ReadingLimits = _DEFAULT_LIMITS
) -> Iterator[Document]:
    """Yield the documents of a file, a folder, or standard input (`-`), in order, one in memory at a time.

    `.txt`, `.cor`: each line is a document, empty lines included, so that positions are line numbers. `.jsonl`,
    `.ndjson`: see `json_lines`. `.csv`, `.tsv`: see `tables`. `.parquet`: see `parquet`. A folder: each `.txt` file in
    it or below is a document, called by its path. All but Parquet may be compressed, `.gz` or `.zst`. Standard input
    is JSON lines unless `options.format` says otherwise.

    Raises: TextFault, when the fault is reached, in one sentence with file and line; or when there is no document.
    """
    name = "standard input" if path == STANDARD_INPUT else str(path)
    empty = True
    try:
        for document in _documents(path, options, limits):
            empty = False
            yield document
    except OSError as error:
        raise TextFault(error.filename or name, f"cannot be read: {error.strerror or error}") from error
    if empty:
        raise TextFault(name, "holds no documents")


def format_of(path: Path, options: ReadingOptions) -> Format:
    """Return the format of a file by the options, or by its name. Raises: TextFault when neither says it."""
    inner = path if _compression_of(path) is None else path.with_suffix("")
    found = options.format or _FORMATS.get(inner.suffix.lower())
    if found is None:
        detail = "is no .txt, .jsonl, .csv, .tsv or .parquet file (.gz or .zst after it) and no folder of .txt files"
        raise TextFault(str(path), detail, option="format")
    return found


def read_stream(
    stream: Readable,
    name: str,
    options: ReadingOptions,
    limits: ReadingLimits,
    compression: Compression | None = None,
) -> Iterator[Document]:
    """Yield the documents of a stream of `options.format`, which is not Parquet.

    Raises: TextFault when the fault is reached; OSError.
    """
    try:
        expanded = Expanded(stream, compression)
    except DamagedError as error:
        raise TextFault(name, str(error), code="unsupported_media_type") from error
    longest = limits.record_characters
    if options.format is Format.LINES:
        longest = limits.document_bytes
    lines = Lines(name, expanded, options.encoding, limits, longest)
    documents: Iterator[Document]
    if options.format is Format.LINES:
        documents = _line_documents(lines)
    elif options.format is Format.JSON_LINES:
        documents = json_documents(lines, options)
    else:
        documents = table_documents(lines, options, longest)
    return _limited(documents, name, limits)


def _documents(path: Path, options: ReadingOptions, limits: ReadingLimits) -> Iterator[Document]:
    if path == STANDARD_INPUT:
        options = replace(options, format=options.format or Format.JSON_LINES)
        yield from read_stream(sys.stdin.buffer, "standard input", options, limits)
    elif not path.exists():
        raise TextFault(str(path), "does not exist")
    elif path.is_dir():
        yield from _limited(_folder_documents(path, options, limits), str(path), limits)
    else:
        yield from _file_documents(path, options, limits)


def _file_documents(path: Path, options: ReadingOptions, limits: ReadingLimits) -> Iterator[Document]:
    format_ = format_of(path, options)
    if format_ is Format.PARQUET:
        yield from _limited(parquet_documents(path, options), str(path), limits)
        return
    with path.open("rb") as file:
        yield from read_stream(
            file, str(path), replace(options, format=format_), limits, _compression_of(path)
        )


def _compression_of(path: Path) -> Compression | None:
    return _COMPRESSIONS.get(path.suffix.lower())


def _folder_documents(folder: Path, options: ReadingOptions, limits: ReadingLimits) -> Iterator[Document]:
    files = sorted(file for pattern in _FOLDER_PATTERNS for file in folder.rglob(pattern))
    for number, path in enumerate(files, 1):
        with path.open("rb") as file:
            text = _whole_text(file, path, options, limits)
        name = os.fsencode(path.relative_to(folder)).decode(errors="replace") if options.ids else None
        yield Document(name, text, number)


def _whole_text(file: Readable, path: Path, options: ReadingOptions, limits: ReadingLimits) -> str:
    try:
        expanded = Expanded(file, _compression_of(path))
    except DamagedError as error:
        raise TextFault(str(path), str(error)) from error
    lines = Lines(str(path), expanded, options.encoding, limits, limits.document_bytes)
    parts, size = [], 0
    for line in lines:
        parts.append(line)
        size += len(line)
        if size > limits.document_bytes:
            raise TextFault(str(path), _too_large(limits), code="document_too_large")
    return "".join(parts)


def _line_documents(lines: Lines) -> Iterator[Document]:
    for line in lines:
        yield Document(None, line.removesuffix("\n"), lines.number)


def _limited(documents: Iterable[Document], name: str, limits: ReadingLimits) -> Iterator[Document]:
    most = limits.document_bytes
    for number, document in enumerate(documents, 1):
        if limits.documents is not None and number > limits.documents:
            detail = f"there are more than {limits.documents} documents; send fewer at once"
            raise TextFault(name, detail, Place(document.line), code="too_many_documents")
        characters = len(
            document.text
        )  # of 1 to 4 bytes, so that few texts have to be encoded to be measured
        if characters * 4 > most and len(document.text.encode(errors="surrogatepass")) > most:
            raise TextFault(name, _too_large(limits), Place(document.line), code="document_too_large")
        yield document


def _too_large(limits: ReadingLimits) -> str:
    return f"the text has more than {limits.document_bytes} bytes in UTF-8; split it"
