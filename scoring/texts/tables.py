"""CSV and TSV: a header with the names of the columns, quotes as in RFC 4180, one document a record."""

import csv
import sys
from collections.abc import Iterable, Iterator
from itertools import chain

from scoring.texts.documents import Document, Format, ReadingOptions
from scoring.texts.faults import Place, TextFault
from scoring.texts.json_lines import named
from scoring.texts.lines import Lines

# What separates columns, the first where the header does not show it: spreadsheets of countries with a decimal comma
# write `;` and call it CSV all the same.
_DELIMITERS = {Format.CSV: ",;\t|", Format.TSV: "\t"}


def table_documents(lines: Lines, options: ReadingOptions, max_characters: int) -> Iterator[Document]:
    """Yield the documents; an empty cell of the id's column is no id.

    A record has as many columns as the header: fewer or more are a comma in a text without quotes, which would cut
    the text off in silence. It may go over several lines, and have `max_characters`.

    Raises: TextFault as `Lines` does; for a column that is missing, an unclosed quote, a record of another length.
    """
    csv.field_size_limit(sys.maxsize)  # its own default is 128 KiB; `_Record` has the limit
    following = iter(lines)
    head = next((line for line in following if not line.isspace()), "")
    record = _Record(lines, max_characters)
    source = record.counted(chain((head,), following))
    rows = csv.reader(source, delimiter=_delimiter(head, options), strict=True)
    header = record.next_row(rows)
    if not header:
        return
    columns = _Columns(lines, [name.strip() for name in header], options)
    while (row := record.next_row(rows)) is not None:
        if row:
            yield columns.document(row, record.begin)


def _delimiter(head: str, options: ReadingOptions) -> str:
    """Return the delimiter that gives the header its text column; the one that gives most columns where none does."""
    candidates = _DELIMITERS[options.format or Format.CSV]
    columns = {delimiter: [name.strip() for name in head.split(delimiter)] for delimiter in candidates}
    quoted = (options.text_field, f'"{options.text_field}"')
    fitting = [mark for mark, names in columns.items() if any(name in quoted for name in names)]
    return (fitting or sorted(candidates, key=lambda mark: -len(columns[mark])))[0]


class _Record:
    """The record that is being read: the line where it begins, and how much it has taken so far."""

    def __init__(self, lines: Lines, max_characters: int) -> None:
        self.begin = lines.number
        self._lines = lines
        self._max_characters = max_characters
        self._characters = 0

    def counted(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            if not self._characters:
                self.begin = self._lines.number
            self._characters += len(line)
            if self._characters > self._max_characters:
                raise self._lines.too_long(self.begin)
            yield line

    def next_row(self, rows: Iterator[list[str]]) -> list[str] | None:
        """Return the next record's columns, [] for a blank line, None after the last."""
        self._characters = 0
        try:
            return next(rows, None)
        except csv.Error as error:
            detail = f"the quotes are not those of CSV ({error}); a quote inside a text is doubled"
            if "unexpected end of data" in str(error):
                detail = "a quote of the record that begins here is never closed"
            raise self._lines.fault(detail, line=self.begin) from error


class _Columns:
    """Where in a record the text and the id are."""

    def __init__(self, lines: Lines, header: list[str], options: ReadingOptions) -> None:
        self._lines = lines
        self._count = len(header)
        self._text = self._position(header, options.text_field, "text_field")
        id_field = options.id_field or "id"
        self._id: int | None = None
        if options.ids and (options.id_field or id_field in header):
            self._id = self._position(header, id_field, "id_field")

    def _position(self, header: list[str], name: str, option: str) -> int:
        if name in header:
            return header.index(name)
        detail = f"has no column {name!r}, {named(header)}"
        raise TextFault(
            self._lines.name, detail, Place(self._lines.number), code="invalid_option", option=option
        )

    def document(self, row: list[str], line: int) -> Document:
        if len(row) != self._count:
            columns = "1 column" if len(row) == 1 else f"{len(row)} columns"
            detail = f"has {columns}, the header {self._count}; a text with a delimiter needs quotes"
            raise self._lines.fault(detail, line=line)
        return Document(None if self._id is None else row[self._id] or None, row[self._text], line)
