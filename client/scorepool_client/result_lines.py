"""The lines of a job's result, from pieces that are cut anywhere."""

from collections.abc import Iterator

from scorepool_client.results import DocumentScore, Pair, read_line


class LineSplitter:
    """Takes bytes as they come; memory is one line and one piece."""

    def __init__(self, part: str) -> None:
        """`part`: documents or pairs."""
        self._part = part
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[DocumentScore | Pair]:
        """Yield what is complete now. Raises: InvalidAnswerError."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield read_line(line, self._part)

    def finish(self) -> Iterator[DocumentScore | Pair]:
        """Yield what a last line without an end holds. Raises: InvalidAnswerError."""
        if self._rest:
            yield read_line(self._rest, self._part)
