"""A log writer that keeps the lines in memory."""

import json
from typing import Any


class CapturedLog:
    """A log writer that keeps the bytes."""

    def __init__(self) -> None:
        self.dropped = 0
        self.text = b""

    def write(self, line: bytes) -> None:
        self.text += line

    def events(self) -> list[dict[str, Any]]:
        """Return the lines, each of which must be one JSON object."""
        return [json.loads(line) for line in self.text.splitlines()]
