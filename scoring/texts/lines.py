"""Bytes to lines of text: the encoding, a byte order mark, line ends, and the number of the line for faults."""

import codecs
import io
from collections.abc import Iterator

from scoring.texts.compression import DamagedError, Expanded
from scoring.texts.documents import ReadingLimits
from scoring.texts.faults import Place, TextFault

CHUNK_BYTES = 1 << 16

# The longer first: UTF-32's mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MARK_BYTES = 4
# Latin letters in UTF-16 are every second byte 0, in UTF-32 three of four; no other text has as many.
_MAX_ZEROS = 0.2


class Lines:
    """The lines of a stream, each with a line feed at its end but perhaps the last; CRLF and CR end lines, too.

    number: of the line that was given last, from 1.

    Raises, while it is iterated: TextFault for bytes that are not of the encoding, a line or stream that is too
    long, damaged compressed data; OSError.
    """

    def __init__(
        self, name: str, source: Expanded, encoding: str, limits: ReadingLimits, max_characters: int
    ) -> None:
        """Take the source's bytes; a line may have `max_characters`."""
        self.name = name
        self.number = 0
        self._source = source
        self._encoding = encoding
        self._total_bytes = limits.total_bytes
        self._max_characters = max_characters

    def fault(
        self,
        detail: str,
        *,
        line: int | None = None,
        code: str = "invalid_document",
        option: str | None = None,
    ) -> TextFault:
        """Return the fault of a line, the last one unless another is named."""
        return TextFault(self.name, detail, Place(line or self.number), code=code, option=option)

    def too_long(self, line: int) -> TextFault:
        """Return the fault of a line or record that is longer than any document may be."""
        detail = f"is longer than {self._max_characters} characters, more than one document may have"
        return self.fault(detail, line=line, code="document_too_large")

    def __iter__(self) -> Iterator[str]:
        """Yield the lines."""
        begun: list[str] = []  # of a line that has not ended yet
        size = 0
        for text in self._text():
            first, *others = text.split("\n")
            begun.append(first)
            size += len(first)
            if size > self._max_characters:
                raise self.too_long(self.number + 1)
            if others:
                self.number += 1
                yield "".join(begun) + "\n"
                for line in others[:-1]:
                    self.number += 1
                    yield line + "\n"
                begun, size = [others[-1]], len(others[-1])
        if size:
            self.number += 1
            yield "".join(begun)

    def _text(self) -> Iterator[str]:
        """Yield decoded parts with a line feed at the end of lines."""
        chunk = b""
        while len(chunk) < _MARK_BYTES and (more := self._read()):
            chunk += more
        encoding, chunk = self._mark(chunk)
        decoder = _decoder(self.name, encoding)
        line_ends = io.IncrementalNewlineDecoder(None, translate=True)
        ended = False
        while True:
            try:
                text = decoder.decode(chunk, final=ended)
            except UnicodeError as error:
                yield line_ends.decode(_sound_text(error, encoding), final=True)
                detail = f"{_faulty(error)} is not {encoding}"
                raise self.fault(detail, line=self.number + 1, option="encoding") from error
            yield line_ends.decode(text, final=ended)
            if ended:
                return
            chunk = self._read()
            ended = not chunk

    def _read(self) -> bytes:
        try:
            chunk = self._source.read(CHUNK_BYTES)
        except DamagedError as error:
            raise self.fault(str(error), line=self.number + 1) from error
        if self._total_bytes is not None:
            self._total_bytes -= len(chunk)
            if self._total_bytes < 0:
                detail = "the texts are larger in all than is allowed; send fewer at once"
                raise self.fault(detail, line=self.number + 1, code="body_too_large")
        return chunk

    def _mark(self, head: bytes) -> tuple[str, bytes]:
        """Return the encoding, and the first bytes without their mark."""
        for mark, encoding in _MARKS:
            if head.startswith(mark):
                return encoding, head.removeprefix(mark)
        encoding = self._encoding.lower().replace("_", "-")
        if head and encoding in {"utf-16", "utf16"}:
            detail = f"is not {self._encoding}: it has no byte order mark (utf-16-le and utf-16-be need none)"
            raise TextFault(self.name, detail, option="encoding")
        wide = encoding.startswith(("utf-16", "utf-32", "utf16", "utf32"))
        if not wide and head.count(0) > _MAX_ZEROS * len(head):
            detail = f"is not {self._encoding}: it is binary, or UTF-16 without a byte order mark (utf-16-le)"
            raise TextFault(self.name, detail, option="encoding")
        return self._encoding, head


def _decoder(name: str, encoding: str) -> codecs.IncrementalDecoder:
    try:
        b"a".decode(encoding)  # which, other than a look-up of the codec, refuses those that are not for text
    except UnicodeError:
        pass
    except (LookupError, ValueError) as error:
        detail = f"cannot be read, {encoding!r} is no text encoding"
        raise TextFault(name, detail, code="invalid_option", option="encoding") from error
    return codecs.getincrementaldecoder(encoding)()


def _sound_text(error: UnicodeError, encoding: str) -> str:
    """Return what was decoded before the fault, so that the lines in front of it are counted."""
    if isinstance(error, UnicodeDecodeError):
        return error.object[: error.start].decode(encoding, "ignore")
    return ""


def _faulty(error: UnicodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"the byte 0x{error.object[error.start]:02x}"
    return f"the text ({error})"
