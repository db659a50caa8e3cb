"""The record of one HTTP request while it is served; metrics, log and traces are made of it at the end."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import getrandbits
from typing import Protocol

from starlette.types import Scope

from service.api.outcome import Outcome
from service.api.request import REQUEST_ID_PATTERN

# The status that is counted for a client that left before its answer was written (nginx's convention).
CLIENT_CLOSED = 499

_REQUEST_ID = re.compile(REQUEST_ID_PATTERN.encode())

# When a request was answered before its body was read, up to so much of the rest is read and discarded, so that
# the connection can be used again; beyond it the connection is closed.
DISCARD_BYTES = 256 * 1024

# Longer numbers are large enough without being read.
_MAX_DIGITS = 18

Fields = dict[bytes, bytes]


@dataclass(slots=True)
class RequestRecord:
    """One request and its answer. `began`, `scored` and `ended` are on the event loop's clock.

    route: the template that matched, empty for none; never the path, which is the client's own text.
    status: of the answer, 499 when the client left, 0 while there is none.
    code: "ok", or the code of the problem that was answered.
    subject: of the verified token, empty without one.
    scored: when the outcome came; what is left until `ended` is the client's time to take the answer.
    disconnected: whether the connection ended before the answer was written.
    refused: the code of the problem with which the connection itself answered, in the middle of the body.
    body_read: whether the endpoint has had the whole body. streams: whether it takes a body as it comes, and
        itself decides what is too slow.
    client: the address from which the connection comes, without its port, or what a trusted proxy says; empty for a
        Unix socket.
    """

    request_id: str
    fields: Fields
    method: str
    began: float
    ended: float = 0.0
    route: str = ""
    status: int = 0
    code: str = "ok"
    subject: str = ""
    outcome: Outcome | None = None
    scored: float = 0.0
    disconnected: bool = False
    refused: str | None = None
    body_read: bool = False
    streams: bool = False
    client: str = ""

    @property
    def unread(self) -> bool:
        """Whether more of the body was left unread than is worth reading to keep the connection."""
        fields = self.fields
        if self.body_read or (b"content-length" not in fields and b"transfer-encoding" not in fields):
            return False
        length = fields.get(b"content-length", b"")
        return not length.isdigit() or len(length) > _MAX_DIGITS or int(length) > DISCARD_BYTES


class RequestObserver(Protocol):
    """Receives the begin and the end of every request. Its methods must be quick and must not raise."""

    def began(self, record: RequestRecord) -> None:
        """Note that the headers of a request are complete."""

    def ended(self, record: RequestRecord) -> None:
        """Note that its answer is written, or its client gone."""


class NullRequestObserver:
    """An observer that ignores every request."""

    def began(self, record: RequestRecord) -> None:
        """Ignore it."""

    def ended(self, record: RequestRecord) -> None:
        """Ignore it."""


def begin(scope: Scope, now: float) -> RequestRecord:
    """Start the record of the request in `scope`, with the client's id for it or a new one."""
    fields = by_name(scope["headers"])
    return RequestRecord(request_id_of(fields), fields, scope["method"], now, client=client_address(scope))


def client_address(scope: Scope) -> str:
    """Return the client's address, without its port; empty where the connection has none."""
    client = scope.get("client")
    return client[0] if client else ""


def by_name(headers: Sequence[tuple[bytes, bytes]]) -> Fields:
    """Return the values by name; those of equal names in one, as a list (RFC 9110, 5.3)."""
    fields = dict(headers)
    if len(fields) < len(headers):
        fields.clear()
        for name, value in headers:
            fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def request_id_of(fields: Fields) -> str:
    """Return the client's id for its request, or a new one."""
    given = fields.get(b"x-request-id")
    return given.decode("ascii") if given and _REQUEST_ID.fullmatch(given) else new_request_id()


def mark_disconnected(scope: Scope) -> None:
    """Note that the client of a request left; without effect on one that has ended already."""
    record: RequestRecord | None = scope["state"].get("record")
    if record is not None:
        record.disconnected = True


def new_request_id() -> str:
    """Return an id that no other request has."""
    return f"{getrandbits(128):032x}"  # no secret, and made without a system call
