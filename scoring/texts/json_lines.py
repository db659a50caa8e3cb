"""JSON lines: each line that is not blank is an object, one member of which is a document's text."""

from collections.abc import Iterator

import msgspec

from scoring.texts.documents import Document, ReadingOptions
from scoring.texts.faults import TextFault
from scoring.texts.lines import Lines

# Members that the fault of a missing one names, and the characters of each.
_MAX_NAMED = 8
_MAX_NAME = 40


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
    """Return the fault, with the members that there are when one that is needed is none of them."""
    try:
        members = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return lines.fault(str(error))
    needed = [(options.text_field, "text_field")]
    if options.ids and options.id_field:
        needed.append((options.id_field, "id_field"))
    for name, option in needed:
        if name not in members:
            return lines.fault(f"has no member {name!r}, {named(list(members))}", option=option)
    return lines.fault(str(error))


def named(names: list[str]) -> str:
    """Return `only 'a', 'b'`, cut short where there are many or long ones."""
    shown = ", ".join(repr(name[:_MAX_NAME]) for name in names[:_MAX_NAMED])
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return f"only {shown}{more}" if names else "and no other"
