"""Keeps the lines that a log writes."""

import json
from typing import Any


class CapturedLog:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.dropped = 0
        self.text = b""

    def write(self, line: bytes) -> None:
        self.text += line

    def events(self) -> list[dict[str, Any]]:
        """Return the lines, each of which has to be one JSON object."""
        return [json.loads(line) for line in self.text.splitlines()]
