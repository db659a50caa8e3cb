"""Parquet files, with pyarrow, an optional dependency: a row is a document."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from scoring.texts.documents import MIB, Document, ReadingOptions
from scoring.texts.faults import Place, TextFault
from scoring.texts.json_lines import named

_BATCH_ROWS = 1_000


def parquet_documents(path: Path, options: ReadingOptions) -> Iterator[Document]:
    """Yield the documents; memory is some thousand rows and the pages that hold them.

    Raises: TextFault when pyarrow is not installed, the file is no Parquet, a column is missing or holds no text,
    or a row has none.
    """
    arrow, parquet = _library(path)
    try:
        with parquet.ParquetFile(path, buffer_size=MIB, pre_buffer=False) as file:
            columns = _columns(path, file.schema_arrow, arrow, options)
            row = 0
            for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
                texts = batch.column(columns[0]).to_pylist()
                ids = batch.column(columns[1]).to_pylist() if len(columns) > 1 else [None] * len(texts)
                for name, text in zip(ids, texts, strict=True):
                    row += 1
                    if text is None:
                        raise TextFault(str(path), "has no text, its cell is null", Place(row, "row"))
                    yield Document(None if name is None else str(name), text, row)
    except arrow.ArrowException as error:
        detail = " ".join(str(error).split())
        raise TextFault(str(path), f"cannot be read as Parquet ({detail})") from error
    except UnicodeDecodeError as error:
        raise TextFault(str(path), "holds a text that is not utf-8", Place(row + 1, "row")) from error


def _library(path: Path) -> tuple[ModuleType, ModuleType]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        detail = "is Parquet, which needs pyarrow: pip install 'scorepool[parquet]'"
        raise TextFault(str(path), detail) from error


def _columns(path: Path, schema: Any, arrow: ModuleType, options: ReadingOptions) -> list[str]:
    """Return the names of the columns of text and, where there is one, id."""
    columns = [options.text_field]
    if options.ids and (options.id_field or "id" in schema.names):
        columns.append(options.id_field or "id")
    for name, option in zip(columns, ("text_field", "id_field"), strict=False):
        if name not in schema.names:
            detail = f"has no column {name!r}, {named(schema.names)}"
            raise TextFault(str(path), detail, code="invalid_option", option=option)
        held = schema.field(name).type
        whole_numbers = option == "id_field" and arrow.types.is_integer(held)
        if not (_is_text(held, arrow) or whole_numbers):
            detail = f"the column {name!r} holds {held}, no text"
            raise TextFault(str(path), detail, code="invalid_option", option=option)
    return columns


def _is_text(held: Any, arrow: ModuleType) -> bool:
    types = arrow.types
    if types.is_dictionary(held):
        held = held.value_type
    return bool(types.is_string(held) or types.is_large_string(held) or types.is_string_view(held))
