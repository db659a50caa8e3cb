"""How one event becomes one line: JSON for machines, or text with colours for a terminal."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

# A line's fields, in the order in which they are to be read; None is "none" or "not known".
Fields = Mapping[str, Any]

# level, event, fields → the line with its line break.
Encoder = Callable[[str, str, Fields], bytes]

# Longer texts are cut: no field of ours needs more, and a line must stay one write.
MAX_TEXT = 2048

_DIM, _BOLD, _RED, _YELLOW, _PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[0m"

_COLOURS = {"warning": _YELLOW, "error": _RED, "critical": _RED, "debug": _DIM}


def encode_json(level: str, event: str, fields: Fields) -> bytes:
    """Write one JSON object: time (UTC), level, event, then the fields."""
    line = {"time": datetime.now(UTC), "level": level, "event": event, **fields}
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
    try:
        return orjson.dumps(line, default=str, option=options)
    except TypeError:
        # A lone surrogate, which a token's subject may hold and UTF-8 may not.
        return orjson.dumps(
            {name: _clean(value) for name, value in line.items()}, default=str, option=options
        )


def _clean(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


class Console:
    """Writes lines for people: the time of day, the level, the event, and the fields that have a value."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def __call__(self, level: str, event: str, fields: Fields) -> bytes:
        """Write one line."""
        now = time.strftime("%H:%M:%S")
        head = (self._in(_DIM, now), self._in(_COLOURS.get(level, ""), f"{level:7}"), self._in(_BOLD, event))
        given = ((name, value) for name, value in fields.items() if value is not None)
        shown = (f"{self._in(_DIM, name)}={_readable(value)}" for name, value in given)
        return " ".join((*head, *shown)).encode("utf-8", "replace") + b"\n"

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colours and colour else text


def _readable(value: object) -> str:
    """Return a value as text: quoted if it is not one plain word, and harmless to a terminal."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    plain = text.isprintable() and text and " " not in text and '"' not in text
    return text if plain else ascii(text)
