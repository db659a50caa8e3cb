"""Reads HTTP/1.1 messages: strict, pure, each byte once.

    bytes ─→ parse_head ─→ Head ─→ exactly `length` bytes | ChunkedBody ─→ next message

Parsers are lenient in different ways, and what two of them read differently is what request smuggling is made
of (RFC 9112, 11.2). So a head is accepted only when it has one reading, and only as a whole. A target in absolute
form is given as the path and the Host that it means. `Upgrade` is ignored: the service speaks no other protocol.

Why not httptools or h11: both accept heads that have two readings, so that the checks here would be needed in front
of them all the same, and each byte be read twice. `python -m bench door` prints what a request costs here and with
uvicorn's own protocol class.
"""

import re
from enum import Enum, auto
from typing import NamedTuple

from service.connections.limits import (
    FREE_OVERHEAD_BYTES,
    MAX_CHUNK_LINE_BYTES,
    MAX_FIELDS,
    MAX_HEAD_BYTES,
    MAX_KNOWN_HEAD_BYTES,
)
from service.observability.request_record import by_name

HEAD_END = b"\r\n\r\n"

Field = tuple[bytes, bytes]

# 15 hexadecimal digits fit every integer type there is.
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?")

# RFC 9112, 2 to 5, without the authority form, which is for tunnels, without a fragment, without line folding, and
# without white space before a colon. No two parts of the pattern can match the same byte: it is linear.
_HEAD = re.compile(
    rb"([A-Z]{1,24}) (/[\x21\x22\x24-\x7e]*|\*|[Hh][Tt][Tt][Pp][Ss]?://[\x21-\x7e]+) HTTP/(1\.[01])\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*)\r\n"
)

# A field behind the last chunk, which is left out. What is none may be the next request for another parser.
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*")

# A field of a head that matches: name, and value with the white space behind it.
_FIELD = re.compile(rb"([^:]+):[\t ]*([^\r]*)\r\n")

# A target in absolute form (RFC 9112, 3.2.2): host, port, and the path and query behind them. Without user
# information, which RFC 9110, 4.2.4 forbids, and without a fragment, which is not sent (RFC 9112, 3.2).
_ABSOLUTE = re.compile(
    rb"[a-z]+://((?:[a-z0-9._~%-]+|\[[0-9a-f:.]+\])(?::[0-9]{0,5})?)(/[\x21\x22\x24-\x7e]*|\?[\x21\x22\x24-\x7e]*)?",
    re.IGNORECASE,
)

_HOST = re.compile(rb"[A-Za-z0-9._~%:\[\]-]*")
_LENGTH = re.compile(rb"[0-9]{1,18}")

# The length of a body that is not empty, as nearly every client writes it, and its field.
_SIMPLE_LENGTH = re.compile(rb"[1-9][0-9]{0,8}")
_LENGTH_FIELD = re.compile(rb"\r\ncontent-length: ([1-9][0-9]{0,8})\r\n", re.IGNORECASE)
_BARE_LF = re.compile(rb"(?<!\r)\n")

# The parts of a request line while it comes, as `_HEAD` demands them.
_MAX_METHOD_BYTES = 24
_METHOD_START = re.compile(rb"[A-Z]{0,%d}" % _MAX_METHOD_BYTES)
_NOT_IN_TARGET = re.compile(rb"[^\x21\x22\x24-\x7e]")
_SCHEMES = (b"http://", b"https://")
_VERSIONS = (b"HTTP/1.0\r\n", b"HTTP/1.1\r\n")


class FramingError(Exception):
    """A message that has no or more than one reading: the problem's code and what is wrong."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Head(NamedTuple):
    """The head of a request.

    target: a path with its query, or `*`. fields: names in lower case, values without the white space around them.
    length: bytes of the body, None where it comes in chunks. keep_alive: whether another request may follow.
    expects_continue: whether the client waits for the interim response before it sends the body.
    """

    method: str
    target: bytes
    version: str
    fields: list[Field]
    length: int | None
    keep_alive: bool
    expects_continue: bool


def check_partial(head: bytes | bytearray, since: int) -> None:
    """Check the beginning of a head, whose bytes before `since` were checked already.

    The line break of an empty line before a request is no part of a head, but its first byte may come alone.

    Raises: FramingError as soon as no head with a valid request line and line ends begins with it.
    """
    if len(head) > MAX_HEAD_BYTES:
        raise FramingError("headers_too_large", f"the head has more than {MAX_HEAD_BYTES} bytes")
    if _BARE_LF.search(head, since):
        raise FramingError("invalid_request", "lines must end with CR LF")
    if not _may_begin_request(head, since):
        raise FramingError("invalid_request", "this is no HTTP/1.1 request: the request line is malformed")


def _may_begin_request(head: bytes | bytearray, since: int) -> bool:
    """Return whether a valid request line begins with `head`, or `head` with a valid request line.

    A target's bytes before `since` are not read again: a long one may come in many pieces.
    """
    if head == b"\r":
        return True
    method, space, _ = bytes(head[: _MAX_METHOD_BYTES + 1]).partition(b" ")
    if not space:
        return _METHOD_START.fullmatch(head) is not None
    if method in {b"", b"CONNECT"} or _METHOD_START.fullmatch(method) is None:
        return False
    begin = len(method) + 1
    space_at = head.find(b" ", begin)
    end = len(head) if space_at < 0 else space_at
    if head[begin : begin + 1] == b"*":
        valid = method == b"OPTIONS" and end == begin + 1
    else:
        whole = space_at >= 0
        valid = _may_begin_target(bytes(head[begin : min(end, begin + len(_SCHEMES[1]))]), whole=whole)
        valid = valid and not _NOT_IN_TARGET.search(head, max(begin, since), end)
    if space_at < 0:
        return valid
    version = bytes(head[end + 1 : end + 1 + len(_VERSIONS[0])])
    return valid and any(line_end.startswith(version) for line_end in _VERSIONS)


def _may_begin_target(start: bytes, *, whole: bool) -> bool:
    """Return whether a target in origin or absolute form begins with `start`, or is it where it is `whole`."""
    start = start.lower()
    if start.startswith((b"/", *_SCHEMES)):
        return True
    return not whole and any(scheme.startswith(start) for scheme in _SCHEMES)


def parse_head(raw: bytes) -> Head:
    """Check a whole head, from its request line to the empty line, and find out how its body is framed.

    Raises: FramingError.
    """
    match = _HEAD.fullmatch(raw) if len(raw) <= MAX_HEAD_BYTES else None
    if len(raw) > MAX_HEAD_BYTES or (match and match[4].count(b"\n") > MAX_FIELDS):
        limit = f"at most {MAX_HEAD_BYTES} bytes and {MAX_FIELDS} fields"
        raise FramingError("headers_too_large", f"the head is too large: {limit}")
    if match is None or match[1] == b"CONNECT" or (match[2] == b"*" and match[1] != b"OPTIONS"):
        raise FramingError("invalid_request", "the request line or a header field is malformed")
    method, target, version, lines = match.groups()
    fields = [(name.lower(), value.rstrip(b"\t ")) for name, value in _FIELD.findall(lines)]
    # Of fields that may stand once the values are a list where there are several, and that is no valid value.
    named = by_name(fields)
    persistent = version == b"1.1"
    host = named.get(b"host")
    if (persistent and host is None) or (host is not None and not _HOST.fullmatch(host)):
        raise FramingError("invalid_request", "exactly one valid Host is required")
    if target[:1] not in b"/*":
        target, host = _origin_form(method, target)
        fields = [(b"host", host), *(field for field in fields if field[0] != b"host")]
    length = _body_length(named, persistent=persistent)
    keep_alive = persistent and not (b"connection" in named and _lists(named[b"connection"], b"close"))
    # RFC 9110, 10.1.1: to be ignored in HTTP/1.0, and without a body.
    expects_continue = (
        b"expect" in named and persistent and length != 0 and _lists(named[b"expect"], b"100-continue")
    )
    return Head(method.decode(), target, version.decode(), fields, length, keep_alive, expects_continue)


class HeadParser:
    """Parses the heads of one connection; one that differs from the last in its Content-Length alone is not read again.

    That is how clients use a kept connection, and most of a head is a token. The parts around the number are compared
    byte by byte with those of a head that was checked whole, so the result is that of `parse_head`.
    """

    def __init__(self) -> None:
        self._before = self._behind = b""
        self._last: Head | None = None
        self._position = 0

    def parse(self, raw: bytes) -> Head:
        """Return what `parse_head` returns. Raises: FramingError."""
        last = self._last
        if last is not None and raw.startswith(self._before) and raw.endswith(self._behind):
            digits = raw[len(self._before) : -len(self._behind)]
            if _SIMPLE_LENGTH.fullmatch(digits):
                fields = last.fields.copy()
                fields[self._position] = (b"content-length", digits)
                # Not `_replace`, which takes a quarter of the time of all this.
                method, target, version, _, _, keep_alive, expects_continue = last
                return Head(method, target, version, fields, int(digits), keep_alive, expects_continue)
        head = parse_head(raw)
        self._remember(raw, head)
        return head

    def _remember(self, raw: bytes, head: Head) -> None:
        """Keep a head with a length, unless so many connections could have that it is worth an attack."""
        self._last = None
        found = _LENGTH_FIELD.search(raw) if head.length and len(raw) <= MAX_KNOWN_HEAD_BYTES else None
        if found is not None:
            self._before, self._behind = raw[: found.start(1)], raw[found.end(1) :]
            self._position = [name for name, _ in head.fields].index(b"content-length")
            self._last = head


def _origin_form(method: bytes, target: bytes) -> Field:
    """Return an absolute target as path with query, and as its authority, which is the only Host.

    RFC 9112, 3.2.2: a server must accept the absolute form, and the Host sent with it must be ignored; 3.2.4: OPTIONS
    without path and query asks about the server as a whole. Raises: FramingError.
    """
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise FramingError("invalid_request", "the target is no http:// or https:// address of a host")
    path: bytes = match[2] or (b"*" if method == b"OPTIONS" else b"/")
    return (b"/" + path if path.startswith(b"?") else path), match[1]


def _lists(value: bytes, option: bytes) -> bool:
    """Return whether a field's value lists an option (RFC 9110, 5.6.1), in any case."""
    return any(each.strip(b"\t ").lower() == option for each in value.split(b","))


def _body_length(named: dict[bytes, bytes], *, persistent: bool) -> int | None:
    """Return the bytes of the body, None for chunks. Raises: FramingError."""
    length, coding = named.get(b"content-length"), named.get(b"transfer-encoding")
    if coding is not None:
        if length is not None or not persistent or coding.lower() != b"chunked":
            detail = "Transfer-Encoding must be chunked, once, in HTTP/1.1, and without Content-Length"
            raise FramingError("invalid_request", detail)
        return None
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise FramingError("invalid_request", "Content-Length must be one whole number")
    return int(length)


class _Part(Enum):
    """What a line between the bytes of chunks is."""

    SIZE = auto()
    CHUNK_END = auto()
    TRAILER = auto()


class ChunkedBody:
    """Takes one body out of its chunks; trailer fields are left out, no part of the service reads them."""

    def __init__(self) -> None:
        self.complete = False
        # Bytes of the body, and of the framing around them.
        self.size = 0
        self.overhead = 0
        # Left of the current chunk; then what the line behind it is, and the part of that line which has come.
        self._left = 0
        self._next = _Part.SIZE
        self._line = b""

    def feed(self, data: bytes, at: int, end: int) -> tuple[bytes, int]:
        """Take from `data[at:end]` what belongs to the body; return its bytes, and where it ended.

        Raises: FramingError.
        """
        pieces = []
        while at < end and not self.complete:
            if self._left:
                piece = data[at : min(end, at + self._left)]
                pieces.append(piece)
                self._left -= len(piece)
                at += len(piece)
            else:
                line, at = self._take_line(data, at, end)
                if line is not None:
                    self._follow(line)
        return b"".join(pieces), at

    def _take_line(self, data: bytes, at: int, end: int) -> tuple[bytes | None, int]:
        """Return the line that ends in `data[at:end]`, None if none does, and the position behind it."""
        newline = data.find(b"\n", at, end)
        stop = end if newline < 0 else newline + 1
        self._line += data[at:stop]
        if len(self._line) > MAX_CHUNK_LINE_BYTES or (newline >= 0 and not self._line.endswith(b"\r\n")):
            raise FramingError("invalid_request", "a line between the chunks is malformed")
        if newline < 0:
            return None, stop
        line, self._line = self._line[:-2], b""
        self.overhead += len(line) + 2
        if self.overhead > FREE_OVERHEAD_BYTES + self.size:
            raise FramingError("invalid_request", "the chunks are smaller than the framing around them")
        return line, stop

    def _follow(self, line: bytes) -> None:
        """Go on to what follows a line."""
        if self._next is _Part.TRAILER:
            self.complete = not line
            if line and not _TRAILER.fullmatch(line):
                raise FramingError("invalid_request", "a field behind the chunks is malformed")
        elif self._next is _Part.SIZE:
            self._begin_chunk(line)
        elif line:
            raise FramingError("invalid_request", "a chunk is longer than its size")
        else:
            self._next = _Part.SIZE

    def _begin_chunk(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise FramingError("invalid_request", "the size of a chunk is malformed")
        self._left = int(match[1], 16)
        self.size += self._left
        self._next = _Part.CHUNK_END if self._left else _Part.TRAILER
