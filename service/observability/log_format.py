"""Encodes one event as one line of the log: JSON for machines, or text for a terminal."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

# The fields of an event, in the order in which they are written. None means "none" or "not known".
EventFields = Mapping[str, Any]

# (level, event, fields) → the line with its line break.
LineEncoder = Callable[[str, str, EventFields], bytes]

# Characters after which a field's text is cut: no field needs more, and a line must fit into one atomic write.
MAX_TEXT = 2048

_DELETE = b"\x7f"

_DIM, _BOLD, _RED, _YELLOW, _RESET = "\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[0m"

_COLOURS = {"warning": _YELLOW, "error": _RED, "critical": _RED, "debug": _DIM}


def encode_json(level: str, event: str, fields: EventFields) -> bytes:
    """Return one JSON object: time (UTC), level, event, then the fields."""
    line = {"time": datetime.now(UTC), "level": level, "event": event, **fields}
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
    try:
        encoded = orjson.dumps(line, default=str, option=options)
    except TypeError:
        # A lone surrogate: JSON allows it, so a token's subject may have one, but UTF-8 cannot encode it.
        encoded = orjson.dumps(
            {name: _encodable(value) for name, value in line.items()}, default=str, option=options
        )
    return encoded if encoded.isascii() and _DELETE not in encoded else _escaped(encoded)


def _escaped(line: bytes) -> bytes:
    """Return the same JSON with escapes for what JSON allows and a terminal obeys or does not show.

    Those are delete, the control characters of ISO 6429 above 127, and Unicode's format characters, which change
    the direction of the text around them.
    """
    return "".join(
        each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in line.decode()
    ).encode()


def _encodable(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


class ConsoleEncoder:
    """Encodes events for people: time of day, level, event, and the fields that are not None."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def __call__(self, level: str, event: str, fields: EventFields) -> bytes:
        """Return one line."""
        now = time.strftime("%H:%M:%S")
        head = (
            self._coloured(_DIM, now),
            self._coloured(_COLOURS.get(level, ""), f"{level:7}"),
            self._coloured(_BOLD, event),
        )
        given = ((name, value) for name, value in fields.items() if value is not None)
        shown = (f"{self._coloured(_DIM, name)}={_readable(value)}" for name, value in given)
        return " ".join((*head, *shown)).encode("utf-8", "replace") + b"\n"

    def _coloured(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_RESET}" if self._colours and colour else text


def _readable(value: object) -> str:
    """Return a value as text; quoted and escaped unless it is one printable word. It cannot control a terminal."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    plain = text.isprintable() and text and " " not in text and '"' not in text
    return text if plain else ascii(text)
