"""What a request about jobs says: its query, its headers, and the pieces of its body."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from math import isfinite
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope

from service.api.job import CORPUS_ENCODINGS, CORPUS_TYPES, JobOptions
from service.errors import Refused
from service.http.body import ClientDisconnected
from service.http.headers import content_length
from service.jobs.submission import NewJob
from service.observability.request_record import Fields

# Far above what the options take.
_MAX_MEMBERS = 64

# A client may make its corpus while it sends it, and has this long.
MAX_UPLOAD_S = 4 * 3600.0

_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_CHARSET = re.compile(rb';\s*charset\s*=\s*"?([A-Za-z0-9_.:-]{1,40})"?', re.IGNORECASE)

T = TypeVar("T", bound=msgspec.Struct)


def read_query(scope: Scope, kind: type[T]) -> T:
    """Return the query of a request as a struct. Raises: Refused (`invalid_option`)."""
    values: dict[str, str] = {}
    try:
        pairs = parse_qsl(
            scope["query_string"].decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(scope["query_string"]),
            errors="strict",
            max_num_fields=_MAX_MEMBERS,
        )
    except ValueError:
        raise Refused("invalid_option", "the query is malformed; write name=value&name=value") from None
    for name, value in pairs:
        if name in values:
            raise Refused("invalid_option", f"{name[:40]}: given twice")
        values[name] = value
    try:
        found = msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Refused("invalid_option", _sentence(str(error))) from None
    for name, value in msgspec.structs.asdict(found).items():
        if isinstance(value, float) and not isfinite(value):
            raise Refused("invalid_option", f"{name}: expected a finite number")
    return found


def _sentence(message: str) -> str:
    """Return msgspec's message with the option in front, and without its quotes of code."""
    what, _, where = message.partition(" - at `$.")
    what = what.replace("Object contains unknown field", "there is no option").replace("`", "")
    name = where.rstrip("`")
    return f"{name}: {what[0].lower()}{what[1:]}" if name else what[:200]


def new_job(scope: Scope, fields: Fields, subject: str, most: int) -> NewJob:
    """Return what a client asks for, but for its corpus. Raises: Refused."""
    options = read_query(scope, JobOptions)
    kind, _, _ = fields.get(b"content-type", b"").partition(b";")
    media_type = kind.strip().lower().decode("latin-1")
    if media_type not in CORPUS_TYPES:
        raise Refused("unsupported_media_type", f"send the corpus as {', '.join(CORPUS_TYPES)}")
    encoding = fields.get(b"content-encoding", b"identity").strip().lower().decode("latin-1") or "identity"
    if encoding not in CORPUS_ENCODINGS:
        raise Refused("unsupported_media_type", f"Content-Encoding: one of {', '.join(CORPUS_ENCODINGS)}")
    charset = _CHARSET.search(fields.get(b"content-type", b""))
    key = fields.get(b"idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise Refused(
            "invalid_request", "Idempotency-Key: expected 1 to 255 printable characters without spaces"
        )
    return NewJob(
        subject=subject,
        options=options,
        media_type=media_type,
        content_encoding=encoding,
        charset=_known_charset(charset[1].decode("ascii")) if charset else "utf-8",
        key=None if key is None else key.decode("ascii"),
        size=content_length(fields, most),
    )


def _known_charset(name: str) -> str:
    """Return the name of an encoding of text. Raises: Refused (`unsupported_media_type`)."""
    try:
        "".encode(name)
    except (LookupError, ValueError):
        raise Refused("unsupported_media_type", f"charset: {name} is not known; send UTF-8") from None
    return name.lower()


async def body_pieces(receive: Receive, silence_s: float, read: Callable[[], None]) -> AsyncIterator[bytes]:
    """Yield a body as it comes; `read` is called at its end.

    Raises: Refused (`body_timeout`) when nothing comes for `silence_s` seconds, or all of it takes `MAX_UPLOAD_S`;
    ClientDisconnected.
    """
    end = monotonic() + MAX_UPLOAD_S
    more = True
    while more:
        try:
            async with asyncio.timeout(min(silence_s, end - monotonic())):
                message: Any = await receive()
        except TimeoutError:
            detail = f"nothing of the body came for {silence_s:g} s, or all of it took {MAX_UPLOAD_S:g} s"
            raise Refused("body_timeout", detail) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        more = message.get("more_body", False)
        yield message.get("body", b"")
    read()
