"""JSON lines: each line that is not blank is an object, one member of which is a document's text."""

from collections.abc import Iterator

import msgspec

from scoring.texts.documents import Document, ReadingOptions
from scoring.texts.faults import TextFault
from scoring.texts.lines import Lines

# Members that the fault of a missing one names, and the characters of each.
_MAX_NAMED = 8
_MAX_NAME = 40
_DUE = 'a line is one object, such as {"text": "..."}'


def json_documents(lines: Lines, options: ReadingOptions) -> Iterator[Document]:
    """Yield the documents. A whole number as an id is its digits; null, or no such member, is no id.

    Members that are not asked for are skipped unread, but must be JSON.

    Raises: TextFault as `Lines` does, and for a line that is no object with the text.
    """
    decoder = msgspec.json.Decoder(_line_type(lines.name, options))
    for line in lines:
        if line.isspace():
            continue
        try:
            found = decoder.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            raise _fault(lines, line, options, error) from error
        name = getattr(found, "id", None)
        yield Document(name if name is None else str(name), found.text, lines.number)  # type: ignore[attr-defined] # made by `_line_type`


def _line_type(name: str, options: ReadingOptions) -> type[msgspec.Struct]:
    """Return a type that holds the members asked for, whatever they are called."""
    id_field = options.id_field or "id"
    fields: list[tuple[str, object] | tuple[str, object, object]] = [("text", str)]
    renamed = {"text": options.text_field}
    if options.ids:
        fields.append(("id", str | int) if options.id_field else ("id", str | int | None, None))
        renamed["id"] = id_field
    try:
        return msgspec.defstruct("Line", fields, rename=renamed)
    except ValueError as error:
        detail = f"{options.text_field!r} and {id_field!r} cannot be the members of text and id ({error})"
        raise TextFault(name, detail, code="invalid_option") from error


def _fault(lines: Lines, line: str, options: ReadingOptions, error: Exception) -> TextFault:
    """Return the fault: no JSON, no object, a member that is missing, or one of another kind than a text or an id."""
    try:
        members = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as malformed:
        return lines.fault(f"{_describe_malformed(malformed)}; {_DUE}")
    if not isinstance(members, dict):
        return lines.fault(f"is {_kind(members)}; {_DUE}")
    id_field = options.id_field or "id"
    needed = {options.text_field: "text_field"}
    if options.ids and options.id_field:
        needed[id_field] = "id_field"
    for name, option in needed.items():
        if name not in members:
            return lines.fault(f"has no member {name!r}, {named(list(members))}", option=option)
    text = members[options.text_field]
    if not isinstance(text, str):
        detail = f"its member {options.text_field!r} is {_kind(text)}, a text is a string"
        return lines.fault(detail, option="text_field")
    if id_field in members:
        detail = f"its member {id_field!r} is {_kind(members[id_field])}, an id is a string or a whole number"
        return lines.fault(detail, option="id_field")
    return lines.fault(str(error))


def _describe_malformed(error: Exception) -> str:
    """Return what is wrong with a line that is no JSON, or that has more than can be read."""
    if isinstance(error, RecursionError):
        return "is nested too deep"
    if isinstance(error, msgspec.ValidationError):
        return "holds a number that is too large"
    detail = str(error).removeprefix("JSON is malformed: ")
    if detail == "Input data was truncated":
        detail = r"it ends too early, or in a \u escape"
    return f"is no JSON: {detail[0].lower()}{detail[1:]}"


def _kind(value: object) -> str:
    """Return what a JSON value is called."""
    if value is None or isinstance(value, bool):
        return str(msgspec.json.encode(value), "ascii")
    if isinstance(value, float):
        return "a number with a fraction"
    return {int: "a number", str: "a string", list: "an array"}.get(type(value), "an object")


def named(names: list[str]) -> str:
    """Return `only 'a', 'b'`, cut short where there are many or long ones."""
    shown = ", ".join(repr(name[:_MAX_NAME]) for name in names[:_MAX_NAMED])
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return f"only {shown}{more}" if names else "and no other"
