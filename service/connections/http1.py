"""Where one HTTP/1.1 message ends and the next begins: strict, pure, the same for either parser behind it.

    bytes ─→ parse_head ─→ Head(raw, length) ─→ exactly `length` bytes | ChunkedBody ─→ next message

Parsers are lenient in different ways, and what two of them read differently is what request smuggling is made
of (RFC 9112, 11.2). So a head reaches the parser only when it is complete and has one reading, and after it
exactly the bytes of its body. A target in absolute form reaches it as the path and the Host that it means.
"""

import re
from typing import NamedTuple

from service.connections.limits import (
    FREE_OVERHEAD_BYTES,
    MAX_CHUNK_LINE_BYTES,
    MAX_FIELDS,
    MAX_HEAD_BYTES,
)

HEAD_END = b"\r\n\r\n"

# 15 hexadecimal digits fit every integer type there is.
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?")

# RFC 9112, 2 to 5, without the authority form, which is for tunnels, without line folding, and without white
# space before a colon. No two parts of the pattern can match the same byte: it is linear.
_HEAD = re.compile(
    rb"([A-Z]{1,24}) (/[\x21-\x7e]*|\*|[Hh][Tt][Tt][Pp][Ss]?://[\x21-\x7e]+) HTTP/1\.([01])\r\n"
    rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n"
)

# A target in absolute form (RFC 9112, 3.2.2): host, port, and the path and query behind them. Without user
# information, which RFC 9110, 4.2.4 forbids, and without a fragment, which is not sent (RFC 9112, 3.2).
_ABSOLUTE = re.compile(
    rb"[a-z]+://((?:[a-z0-9._~%-]+|\[[0-9a-f:.]+\])(?::[0-9]{0,5})?)(/[\x21\x22\x24-\x7e]*|\?[\x21\x22\x24-\x7e]*)?",
    re.IGNORECASE,
)

# The fields that decide where a message ends, for which host it is, and whether the protocol changes.
_SPECIAL = re.compile(rb"\r\n(host|content-length|transfer-encoding|upgrade):[\t ]*([^\r]*)", re.IGNORECASE)
_UPGRADE = re.compile(rb"(?<=\r\n)upgrade:[^\r]*\r\n", re.IGNORECASE)
_HOST_FIELD = re.compile(rb"(?<=\r\n)host:[^\r]*\r\n", re.IGNORECASE)

_HOST = re.compile(rb"[A-Za-z0-9._~%:\[\]-]*")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_BARE_LF = re.compile(rb"(?<!\r)\n")

# The parts of a request line while it comes, as `_HEAD` demands them.
_MAX_METHOD_BYTES = 24
_METHOD_START = re.compile(rb"[A-Z]{0,%d}" % _MAX_METHOD_BYTES)
_NOT_IN_TARGET = re.compile(rb"[^\x21-\x7e]")
_VERSIONS = (b"HTTP/1.0\r\n", b"HTTP/1.1\r\n")


class FramingError(Exception):
    """A message that has no or more than one reading: the problem's code and what is wrong."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Head(NamedTuple):
    """The head of a message as the parser gets it, and the bytes of its body (None: it comes in chunks)."""

    raw: bytes
    length: int | None


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
        valid = bytes(head[begin : begin + 1]) in {b"", b"/"} and not _NOT_IN_TARGET.search(
            head, max(begin, since), end
        )
    if space_at < 0:
        return valid
    version = bytes(head[end + 1 : end + 1 + len(_VERSIONS[0])])
    return valid and end > begin and any(line_end.startswith(version) for line_end in _VERSIONS)


def parse_head(raw: bytes) -> Head:
    """Check a whole head, from its request line to the empty line, and find out how its body is framed.

    Raises: FramingError.
    """
    if len(raw) > MAX_HEAD_BYTES or raw.count(b"\r\n") > MAX_FIELDS + 2:
        limit = f"at most {MAX_HEAD_BYTES} bytes and {MAX_FIELDS} fields"
        raise FramingError("headers_too_large", f"the head is too large: {limit}")
    match = _HEAD.fullmatch(raw)
    if match is None or match[1] == b"CONNECT" or (match[2] == b"*" and match[1] != b"OPTIONS"):
        raise FramingError("invalid_request", "the request line or a header field is malformed")
    special: dict[bytes, list[bytes]] = {}
    for name, value in _SPECIAL.findall(raw):
        special.setdefault(name.lower(), []).append(value.rstrip(b"\t "))
    _check_host(special.get(b"host", []), required=match[3] == b"1")
    if match[2][:1] not in b"/*":
        raw = _origin_form(raw, match[1], match[2])
    if b"upgrade" in special:
        # The service speaks no other protocol; a parser that sees the field would expect one to follow.
        raw = _UPGRADE.sub(b"", raw)
    lengths, codings = special.get(b"content-length", []), special.get(b"transfer-encoding", [])
    if codings:
        _check_coding(codings, alone=not lengths and match[3] == b"1")
        return Head(raw, None)
    return Head(raw, _length(lengths))


def _origin_form(raw: bytes, method: bytes, target: bytes) -> bytes:
    """Return the head with its absolute target as path and query, and the target's authority as the only Host.

    RFC 9112, 3.2.2: a server must accept the absolute form, and the Host sent with it must be ignored; 3.2.4: OPTIONS
    without path and query asks about the server as a whole. Raises: FramingError.
    """
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise FramingError("invalid_request", "the target is no http:// or https:// address of a host")
    path: bytes = match[2] or (b"*" if method == b"OPTIONS" else b"/")
    if path.startswith(b"?"):
        path = b"/" + path
    start, rest = raw.split(b"\r\n", 1)
    version = start.rpartition(b" ")[2]
    fields = _HOST_FIELD.sub(b"", b"\r\n" + rest)
    return b"%b %b %b\r\nHost: %b%b" % (method, path, version, match[1], fields)


def _check_host(hosts: list[bytes], *, required: bool) -> None:
    if len(hosts) > 1 or (required and not hosts) or not all(map(_HOST.fullmatch, hosts)):
        raise FramingError("invalid_request", "exactly one valid Host is required")


def _check_coding(codings: list[bytes], *, alone: bool) -> None:
    if not alone or [coding.lower() for coding in codings] != [b"chunked"]:
        detail = "Transfer-Encoding must be chunked, once, in HTTP/1.1, and without Content-Length"
        raise FramingError("invalid_request", detail)


def _length(lengths: list[bytes]) -> int:
    if not lengths:
        return 0
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
        raise FramingError("invalid_request", "Content-Length must be one whole number")
    return int(lengths[0])


class ChunkedBody:
    """Follows the chunks of one body to its end; trailer fields are left out, no part of the service reads them."""

    def __init__(self) -> None:
        self.complete = False
        # Bytes of the body, and of the framing around them.
        self.size = 0
        self.overhead = 0
        # Left of the current chunk and the CR LF behind it; then the part of a line that has come so far.
        self._left = 0
        self._line = b""
        self._in_trailer = False

    def feed(self, data: bytes, at: int, end: int) -> tuple[bytes, int]:
        """Take from `data[at:end]` what belongs to the body; return what the parser gets, and where it ended.

        Raises: FramingError.
        """
        begin = at
        while at < end and not self._in_trailer:
            if self._left:
                step = min(self._left, end - at)
                self._left -= step
                at += step
            else:
                line, at = self._take_line(data, at, end)
                if line is not None:
                    self._begin_chunk(line)
        piece = data[begin:at]
        while at < end and self._in_trailer and not self.complete:
            line, at = self._take_line(data, at, end)
            if line == b"":
                self.complete = True
                piece += b"\r\n"
        return piece, at

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
        self._count(len(line) + 2)
        return line, stop

    def _begin_chunk(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise FramingError("invalid_request", "the size of a chunk is malformed")
        size = int(match[1], 16)
        self.size += size
        self._in_trailer = size == 0
        if size:
            self._left = size + 2
            self._count(2)

    def _count(self, overhead: int) -> None:
        self.overhead += overhead
        if self.overhead > FREE_OVERHEAD_BYTES + self.size:
            raise FramingError("invalid_request", "the chunks are smaller than the framing around them")
