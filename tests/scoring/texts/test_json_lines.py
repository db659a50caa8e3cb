"""JSON lines: texts and ids by the members' names, and what is no such line."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.texts.corpus import read_stream
from scoring.texts.documents import Document, Format, ReadingLimits, ReadingOptions
from scoring.texts.faults import TextFault

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def read(
    content: bytes, text_field: str = "text", id_field: str | None = None, *, ids: bool = True
) -> list[Document]:
    """Return the documents of these lines."""
    options = ReadingOptions("utf-8", Format.JSON_LINES, text_field, id_field, ids)
    return list(read_stream(io.BytesIO(content), "a.jsonl", options, ReadingLimits()))


@given(st.lists(st.tuples(st.none() | TEXT, TEXT)), st.booleans())
def test_texts_and_ids_come_back(pairs: list[tuple[str | None, str]], ascii_only: bool) -> None:
    """Any text in any position, escaped or not."""
    content = "".join(json.dumps({"id": i, "text": t}, ensure_ascii=ascii_only) + "\n" for i, t in pairs)

    assert [document[:2] for document in read(content.encode())] == pairs


def test_whole_numbers_are_ids_and_lines_are_counted() -> None:
    """Blank lines and other members are ignored."""
    content = b'{"id": 7, "text": "a", "more": [1]}\r\n\n{"text": "b"}\n{"id": null, "text": "c"}'

    assert read(content) == [Document("7", "a", 1), Document(None, "b", 3), Document(None, "c", 4)]


def test_members_may_have_other_names() -> None:
    """Any that JSON can have, but for control characters, quotes and backslashes."""
    content = '{"the body": "one", "schlüssel": "k", "text": 5, "id": []}\n'.encode()

    assert read(content, "the body", "schlüssel") == [Document("k", "one", 1)]


def test_ids_that_nobody_asks_for_may_be_anything() -> None:
    """As when a model is trained on an export."""
    assert read(b'{"id": {"oid": 1}, "text": "one"}', ids=False) == [Document(None, "one", 1)]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"fine\n", "line 2: is no JSON: invalid character"),
        (b'{"text": "x"\n', "line 2: is no JSON: it ends too early"),
        (b'{"text": "x",}\n', "line 2: is no JSON: trailing comma in object (byte 13); a line is one object"),
        (
            b'{"body": "x", "n": 1}\n',
            "line 2: has no member 'text', only 'body', 'n'; --text-field sets another",
        ),
        (b"{}\n", "line 2: has no member 'text', and no other"),
        (
            b'{"text": null}\n',
            "line 2: its member 'text' is null, a text is a string; --text-field sets another",
        ),
        (b'{"text": 3}\n', "line 2: its member 'text' is a number, a text is a string"),
        (b'{"text": {}, "id": []}\n', "line 2: its member 'text' is an object, a text is a string"),
        (b'["x"]\n', 'line 2: is an array; a line is one object, such as {"text": "..."}'),
        (b'"x"\n', "line 2: is a string; a line is one object"),
        (b'{"text": "x", "id": 1.5}\n', "line 2: its member 'id' is a number with a fraction, an id is"),
        (
            b'{"text": "x", "id": true}\n',
            "line 2: its member 'id' is true, an id is a string or a whole number",
        ),
        (b'{"text": "x", "id": ' + b"1" * 5000 + b"}\n", "line 2: holds a number that is too large"),
        (b'{"text": "\\ud800"}\n', "line 2: is no JSON: it ends too early, or in a \\u escape"),
        (b"[" * 100_000 + b"\n", "line 2: is nested too deep"),
    ],
)
def test_what_is_no_document_is_named_with_its_line(content: bytes, fault: str) -> None:
    """In one sentence, with the members that there are."""
    with pytest.raises(TextFault) as raised:
        read(b'{"text": "fine"}\n' + content)

    assert str(raised.value).startswith(f"a.jsonl, {fault}")
    assert "\n" not in str(raised.value)
    assert "`" not in str(raised.value)


def test_an_id_field_that_is_asked_for_is_needed() -> None:
    """The default `id` is not."""
    with pytest.raises(TextFault, match=r"has no member 'key', only 'text'; --id-field sets another"):
        read(b'{"text": "one"}', id_field="key")


@pytest.mark.parametrize(("text_field", "id_field"), [("a", "a"), ('a"b', "id")])
def test_names_that_cannot_be_are_refused(text_field: str, id_field: str) -> None:
    """One for both, or with characters that stand for others in JSON."""
    with pytest.raises(TextFault, match="cannot be the members of text and id"):
        read(b'{"a": "one"}', text_field, id_field)
