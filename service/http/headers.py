"""What the headers of a request ask for: media types, sizes, times. Header values are bytes as received."""

import re
from collections.abc import Collection, Mapping

from service.errors import Refused
from service.observability.request_record import Fields

# Below what any counter here can hold; a longer number is just a very large one.
_MAX_DIGITS = 15

# RFC 9110, 5.6: a parameter's value is a token or a quoted string. Only linear patterns: a header is 16 KiB.
_CHARSET = re.compile(rb'\s*charset\s*=\s*("?)([A-Za-z0-9_.:-]+)\1\s*', re.IGNORECASE)
_QUALITY = re.compile(rb"\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*", re.IGNORECASE)


def check_content(fields: Fields, accepts: Collection[bytes] | None = None) -> None:
    """Refuse a body of a type that is not in `accepts` (empty: any; None: plain JSON in UTF-8).

    Raises: Refused (`unsupported_media_type`).
    """
    kind = fields.get(b"content-type", b"")
    if accepts is None:
        if kind != b"application/json" and not _is_json(kind):
            raise Refused(
                "unsupported_media_type", "send the body as Content-Type: application/json in UTF-8"
            )
    elif accepts and kind.partition(b";")[0].strip().lower() not in accepts:
        types = b", ".join(sorted(accepts)).decode()
        raise Refused("unsupported_media_type", f"send the body with a Content-Type of {types}")
    if fields.get(b"content-encoding", b"identity").strip().lower() not in {b"identity", b""}:
        raise Refused("unsupported_media_type", "send the body without a Content-Encoding")


def _is_json(kind: bytes) -> bool:
    media_type, *parameters = kind.split(b";")
    if media_type.strip().lower() != b"application/json":
        return False
    charsets = [match[2].lower() for text in parameters if (match := _CHARSET.fullmatch(text))]
    named = sum(b"charset" in text.lower() for text in parameters)
    return len(charsets) == named and all(charset in {b"utf-8", b"utf8"} for charset in charsets)


def content_length(fields: Fields, limit: int) -> int | None:
    """Return the announced size of the body, None where it comes in chunks.

    Raises: Refused (`body_too_large`, `invalid_request`).
    """
    text = fields.get(b"content-length")
    if text is None:
        return None if b"transfer-encoding" in fields else 0
    size = whole_number(text)
    if size is None:
        raise Refused("invalid_request", "Content-Length: expected a whole number")
    if size > limit:
        raise body_too_large(limit)
    return size


def body_too_large(limit: int) -> Refused:
    """Return the refusal of a body over `limit` bytes."""
    return Refused("body_too_large", f"the body has more than {limit} bytes; split the request")


def timeout(fields: Fields, limit: float) -> float:
    """Return the seconds that the client gives us, at most `limit`. Raises: Refused (`invalid_request`)."""
    text = fields.get(b"x-request-timeout-ms")
    if text is None:
        return limit
    milliseconds = whole_number(text)
    if not milliseconds:
        raise Refused("invalid_request", "X-Request-Timeout-Ms: expected a whole number of 1 or more")
    return min(limit, milliseconds / 1000)


def whole_number(text: bytes) -> int | None:
    """Return the number that digits write, capped far above any limit; None for anything else."""
    if not text.isdigit():
        return None
    digits = text.lstrip(b"0")
    return int(digits[:_MAX_DIGITS] or b"0") if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS


def accepted(fields: Fields, offers: Mapping[str, bytes]) -> str:
    """Return the name of the offered media type that the client likes best; the first where it does not matter.

    Raises: Refused (`not_acceptable`) when it accepts none of them.
    """
    header = fields.get(b"accept", b"*/*")
    if header in {b"*/*", b""} or (header == b"application/json" and "json" in offers):
        return next(iter(offers))
    best: dict[str, tuple[int, float]] = {}
    for item in header.split(b","):
        media_range, *parameters = item.split(b";")
        quality = _quality(parameters)
        for offer, media_type in offers.items():
            closeness = _closeness(media_range.strip().lower(), media_type)
            if closeness is not None:
                best[offer] = max(best.get(offer, (-1, 0.0)), (closeness, quality))
    # The closest range decides a type's quality. The higher quality wins, then the closer range, then the first offer.
    ranked = sorted(best.items(), key=lambda item: (-item[1][1], -item[1][0], list(offers).index(item[0])))
    if ranked and ranked[0][1][1] > 0:
        return ranked[0][0]
    types = ", or ".join(media_type.decode() for media_type in offers.values())
    raise Refused("not_acceptable", f"the answer is {types}")


def _closeness(media_range: bytes, media_type: bytes) -> int | None:
    """Return how closely a range names a type (2 the type, 1 its kind, 0 any), None where it does not."""
    if media_range == media_type:
        return 2
    if media_range == media_type.partition(b"/")[0] + b"/*":
        return 1
    return 0 if media_range == b"*/*" else None


def _quality(parameters: list[bytes]) -> float:
    for text in parameters:
        match = _QUALITY.fullmatch(text)
        if match:
            return float(match[1])
    return 1.0
