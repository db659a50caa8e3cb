"""CSV and TSV as spreadsheets and programs write them; the standard library's writer is the oracle."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.texts.corpus import read_stream
from scoring.texts.documents import Document, Format, ReadingLimits, ReadingOptions
from scoring.texts.faults import TextFault

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


def read(
    content: str, format_: Format = Format.CSV, limits: ReadingLimits | None = None, **names: str
) -> list[Document]:
    """Return the documents of a table."""
    options = ReadingOptions(format=format_, **names)  # type: ignore[arg-type] # names of columns
    return list(read_stream(io.BytesIO(content.encode()), "a.csv", options, limits or ReadingLimits()))


def line_feeds(text: str) -> str:
    """Return the text with line feeds for all line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(st.lists(st.tuples(TEXT, TEXT)), st.sampled_from(",;\t|"), st.booleans())
def test_what_was_written_is_read(rows: list[tuple[str, str]], delimiter: str, quoted: bool) -> None:
    """Quotes, delimiters and line ends in texts included; the header shows the delimiter."""
    file = io.StringIO()
    writer = csv.writer(
        file,
        delimiter=delimiter,
        quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL,
        lineterminator="\n" if quoted else "\r\n",
    )
    writer.writerows([("id", "text"), *rows])

    documents = read(file.getvalue())

    assert [document[:2] for document in documents] == [
        (line_feeds(i) or None, line_feeds(t)) for i, t in rows
    ]


def test_records_say_the_line_where_they_begin() -> None:
    """Blank lines are no records, and texts may have several."""
    content = '\n"key", body ,n\n\nk1,"one\n""two""\n",1\nk2,three,2\n'

    assert read(content, text_field="body", id_field="key") == [
        Document("k1", 'one\n"two"\n', 4),
        Document("k2", "three", 7),
    ]


def test_a_text_may_be_as_long_as_the_limits_allow() -> None:
    """Not 128 KiB, the limit of the standard library."""
    (document,) = read("text\n" + "a" * 500_000)

    assert len(document.text) == 500_000


def test_tabs_separate_tsv() -> None:
    """Whatever else is in the header."""
    assert read("id,text\ttext\na,b\tone, two\n", Format.TSV) == [Document(None, "one, two", 2)]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (
            "id,body,n\n1,a,b\n",
            "line 1: has no column 'text', only 'id', 'body', 'n'; --text-field sets another",
        ),
        ("id;body\n1;a\n", "line 1: has no column 'text', only 'id', 'body'"),
        ("id,text\n1,a, b\n", "line 2: has 3 columns, the header 2; a text with a delimiter needs quotes"),
        ("id,text\n1\n", "line 2: has 1 column, the header 2"),
        ('id,text\n1,a\n2,"b\n3,c\n', "line 3: a quote of the record that begins here is never closed"),
        ('id,text\n1,"a"b"\n', "line 2: the quotes are not those of CSV"),
    ],
)
def test_a_fault_names_its_line(content: str, fault: str) -> None:
    """And the columns that there are."""
    with pytest.raises(TextFault) as raised:
        read(content)

    assert str(raised.value).startswith(f"a.csv, {fault}")


def test_an_id_column_that_is_asked_for_is_needed() -> None:
    """The default `id` is not."""
    with pytest.raises(TextFault, match="has no column 'key', only 'text'; --id-field"):
        read("text\none\n", id_field="key")


def test_a_quote_that_is_never_closed_takes_no_memory_without_end() -> None:
    """The record is as long as a document may be, no longer."""
    endless = 'text\n"' + "a line of text\n" * 1_000_000

    with pytest.raises(TextFault) as raised:
        read(endless, limits=ReadingLimits(document_bytes=1000))

    assert raised.value.code == "document_too_large"
    assert str(raised.value).startswith("a.csv, line 2: is longer than")
