"""`GET /metrics` and `GET /status`: what the service knows of itself, made anew for each request."""

from collections.abc import Callable
from typing import Protocol

from starlette.types import Receive, Scope, Send

from service.auth.tokens import Authenticator
from service.http.responses import send_answer
from service.observability.prometheus import CONTENT_TYPE
from service.observability.request_record import Exchange, ExchangeObserver
from service.observability.snapshot import Snapshot

STATUS_SCOPE = "status"


class Watch(ExchangeObserver, Protocol):
    """Watches all requests, and says what it has seen; see `service.observability.telemetry`."""

    def metrics(self, snapshot: Snapshot) -> bytes:
        """Write the metrics for Prometheus."""

    def status(self, snapshot: Snapshot) -> bytes:
        """Encode the answer of `/status`."""


class MetricsEndpoint:
    """Answers Prometheus."""

    def __init__(self, watch: Watch, snapshot: Callable[[], Snapshot]) -> None:
        self._watch = watch
        self._snapshot = snapshot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one scrape."""
        body = self._watch.metrics(self._snapshot())
        await send_answer(send, 200, [(b"content-type", CONTENT_TYPE)], body)


class StatusEndpoint:
    """Answers operators, whose token has the scope `status`."""

    def __init__(self, watch: Watch, snapshot: Callable[[], Snapshot], authenticator: Authenticator) -> None:
        self._watch = watch
        self._snapshot = snapshot
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises: Refused without such a token."""
        exchange: Exchange = scope["state"]["exchange"]
        header = exchange.fields.get(b"authorization")
        principal = await self._authenticator.authenticate(header, STATUS_SCOPE)
        exchange.subject = principal.subject
        body = self._watch.status(self._snapshot())
        await send_answer(send, 200, [(b"content-type", b"application/json")], body)
