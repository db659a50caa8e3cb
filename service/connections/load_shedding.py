"""Refuses by its head alone, while the queue is full, what would be refused inside: for a fifth of the time.

Under ten times the load nine requests of ten are refused, and the workers lack the time that this takes. So a
plain request to `/score`, with a token that has been verified before, is refused without task and application. A
request with anything unusual goes the ordinary way, where every rule is checked in its order; so the rules are not
repeated here, and no answer changes but for the time it takes.
"""

from collections.abc import Iterable
from time import monotonic
from typing import Protocol

from service.api.problems import problem, status_of
from service.api.request import SCORE_ROUTE
from service.auth.tokens import Principal
from service.connections.http1 import Head
from service.errors import Refused
from service.http.responses import API_HEADERS, Header, encode_response, problem_headers, server_timing
from service.limits import ScoreLimits
from service.observability.request_record import Fields, RequestObserver, RequestRecord, request_id_of

# Values that do not change the answer, of fields whose others would; and fields that always would.
_ACCEPTS = (None, b"*/*", b"application/json")
_CONNECTIONS = (None, b"keep-alive")
_UNUSUAL = frozenset({b"content-encoding", b"expect", b"origin", b"traceparent", b"x-request-timeout-ms"})


class OverloadCheck(Protocol):
    """The part of the dispatcher that knows whether there is room."""

    @property
    def congested(self) -> bool:
        """Whether so much waits that a request could be refused."""

    def overload_refusal(self, subject: str, size: int, time_left: float) -> Refused | None:
        """Return why a request could not come in now, None where it may be able to."""


class VerifiedTokens(Protocol):
    """The part of the authenticator that remembers tokens."""

    def recall_principal(self, header: bytes | None, scope: str | None) -> Principal | None:
        """Return whose token it is, if that is known without verifying it."""


class LoadShedder:
    """Responds to heads that need not reach the application; belongs to the event loop's thread."""

    def __init__(
        self,
        check: OverloadCheck,
        tokens: VerifiedTokens,
        observer: RequestObserver,
        limits: ScoreLimits,
        prefix: str = "",
    ) -> None:
        """`prefix`: that of a proxy, which targets may have or not."""
        self._check = check
        self._tokens = tokens
        self._observer = observer
        self._limits = limits
        self._targets = frozenset({SCORE_ROUTE.encode(), (prefix + SCORE_ROUTE).encode()})

    def response(self, head: Head, default_headers: Iterable[Header], client: str) -> bytes | None:
        """Return the whole response to a request that cannot come in; None for the ordinary way."""
        if not self._check.congested or head.length is None or head.length > self._limits.max_body_bytes:
            return None
        fields = plain_fields(head) if head.target in self._targets else None
        if fields is None:
            return None
        principal = self._tokens.recall_principal(fields.get(b"authorization"), self._limits.scope)
        if principal is None:
            return None
        time_left = self._limits.request_timeout_s
        refused = self._check.overload_refusal(principal.subject, head.length, time_left)
        if refused is None:
            return None
        record = RequestRecord(
            request_id_of(fields), fields, "POST", monotonic(), subject=principal.subject, client=client
        )
        self._report(record, refused)
        closing = [(b"connection", b"close")] if record.unread else []
        headers = [
            *default_headers,
            *API_HEADERS,
            *problem_headers(refused.code, refused.retry_after),
            *closing,
            server_timing(None),
            (b"x-request-id", record.request_id.encode("ascii")),
        ]
        body = problem(refused.code, refused.detail, record.request_id, record.status)
        return encode_response(record.status, headers, body)

    def _report(self, record: RequestRecord, refused: Refused) -> None:
        """Have the request counted and logged like any other."""
        self._observer.began(record)
        record.route, record.code = SCORE_ROUTE, refused.code
        record.status = status_of(refused.code, self._limits.overload_status)
        record.ended = monotonic()
        self._observer.ended(record)


def plain_fields(head: Head) -> Fields | None:
    """Return the fields of a request to be scored, None where anything about it is unusual."""
    if (head.method, head.version) != ("POST", "1.1"):
        return None
    fields: Fields = dict(head.fields)
    plain = (
        len(fields) == len(head.fields)
        and fields.get(b"content-type") == b"application/json"
        and fields.get(b"accept") in _ACCEPTS
        and fields.get(b"connection") in _CONNECTIONS
        and _UNUSUAL.isdisjoint(fields)
    )
    return fields if plain else None
