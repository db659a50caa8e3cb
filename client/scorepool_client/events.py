"""Server-sent events: bytes as they come to events (HTML Living Standard, 9.2)."""

import codecs
import io
from typing import NamedTuple

# Longer than any event of this service: another server must not fill the memory.
_MAX_CHARACTERS = 1 << 20


class ServerEvent(NamedTuple):
    """One event: its kind, `message` where it is not said, and its data."""

    kind: str
    data: str


class EventTooLong(ValueError):  # noqa: N818 - what the stream is, not a fault of this program
    """The stream holds no events of this service."""


class EventParser:
    """Takes bytes as they come; line ends are CRLF, LF or CR, and a cut may be anywhere."""

    def __init__(self) -> None:
        self._decoder = io.IncrementalNewlineDecoder(
            codecs.getincrementaldecoder("utf-8")("replace"), translate=True
        )
        self._rest = ""
        self._kind = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """Return the events that are complete now. Raises: EventTooLong."""
        *lines, self._rest = (self._rest + self._decoder.decode(chunk)).split("\n")
        events = [event for line in lines if (event := self._take_line(line))]
        if len(self._rest) + sum(map(len, self._data)) > _MAX_CHARACTERS:
            raise EventTooLong("no event of this service is so long")
        return events

    def _take_line(self, line: str) -> ServerEvent | None:
        if not line:
            event = ServerEvent(self._kind or "message", "\n".join(self._data)) if self._data else None
            self._kind, self._data = "", []
            return event
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        return None
