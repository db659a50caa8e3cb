"""Which part of a representation a request asks for (RFC 9110, 13 and 14): `Range`, `If-Range`, `If-None-Match`.

One range is answered; of several, all of it is sent, which any server may do.
"""

import re

from service.errors import Refused
from service.observability.request_record import Fields

_RANGE = re.compile(rb"bytes\s*=\s*(\d{0,18})-(\d{0,18})", re.IGNORECASE)


def is_current(fields: Fields, etag: bytes) -> bool:
    """Whether the client has it already."""
    tags = fields.get(b"if-none-match", b"")
    return tags.strip() == b"*" or etag in {tag.strip().removeprefix(b"W/") for tag in tags.split(b",")}


def asked_range(fields: Fields, etag: bytes, size: int) -> tuple[int, int] | None:
    """Return the start and the end, exclusive, of the bytes asked for; None for all of them.

    Raises: Refused (`range_not_satisfiable`) for a range that begins behind the end.
    """
    match = _RANGE.fullmatch(fields.get(b"range", b"").strip())
    if match is None or match[1] == match[2] == b"" or fields.get(b"if-range", etag).strip() != etag:
        return None
    if not match[1]:
        length = int(match[2])
        start, stop = max(0, size - length), size
    else:
        start, stop = int(match[1]), size if not match[2] else min(size, int(match[2]) + 1)
        if match[2] and int(match[2]) < start:
            return None
    if start >= size or start >= stop:
        raise Refused("range_not_satisfiable", f"there are {size} bytes, from 0 to {size - 1}")
    return start, stop
