"""What reading yields, and what it is told: a document, the options, the limits."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

MIB = 1 << 20


class Document(NamedTuple):
    """A text with where it comes from.

    id: what its file calls it: a member, a column, or its path in a folder; None where nothing does.
    line: where it begins, from 1: a line, a row of a Parquet file, the number of a file in a folder.
    """

    id: str | None
    text: str
    line: int


class Format(StrEnum):
    """How documents are written; the values are those of `--format`."""

    LINES = "txt"
    JSON_LINES = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How a file is to be read.

    encoding: of its bytes; a byte order mark says more and is believed.
    format: None takes what its name says.
    text_field, id_field: the JSON member, CSV or Parquet column of a document's text and of its id. An `id_field` of
        None is `id` where there is one.
    ids: whether to read ids at all; where not, they may be anything.
    """

    encoding: str = "utf-8"
    format: Format | None = None
    text_field: str = "text"
    id_field: str | None = None
    ids: bool = True


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """What is too much; beyond it reading ends with a fault.

    document_bytes: of one text in UTF-8. A line may be longer by what JSON or CSV adds.
    total_bytes: of all that a compressed file or stream expands to, before it is decoded.
    id_characters: of an id, where ids are asked for.
    """

    document_bytes: int = 64 * MIB
    documents: int | None = None
    total_bytes: int | None = None
    id_characters: int = 256

    @property
    def record_characters(self) -> int:
        """The characters of a line or record that may hold one document: JSON may take 6 for a byte."""
        return 6 * self.document_bytes + MIB
