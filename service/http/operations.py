"""What operators and clients ask of the service itself: probes, `/metrics`, `/status` and `/info`.

Probes take no token and never wait in a queue. Liveness depends on nothing but the event loop: a service that
is restarted because it is busy is never ready.
"""

from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any, Protocol

import msgspec
import orjson
from starlette.types import Receive, Scope, Send

from service.api.response import ModelInfo, NotReady
from service.api.scorer import ScorerDescription
from service.auth.tokens import Authenticator
from service.http.responses import Header, send_response
from service.observability.prometheus import CONTENT_TYPE
from service.observability.request_record import RequestObserver, RequestRecord
from service.observability.status import Snapshot
from service.settings import Settings

# The scope that `/status` needs.
STATUS_SCOPE = "status"

# Returns None, or why not: starting, draining, no_workers.
NotReadyReason = Callable[[], NotReady | None]

_JSON: Header = (b"content-type", b"application/json")
_RETRY: Header = (b"retry-after", b"1")


class Probe:
    """Answers 200 with a status, or 503 with the reason that there is at that moment."""

    def __init__(self, status: str, reason: NotReadyReason) -> None:
        self._good = orjson.dumps({"status": status})
        self._reason = reason

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one probe."""
        reason = self._reason()
        if reason is None:
            await send_response(send, 200, [_JSON], self._good)
        else:
            await send_response(send, 503, [_JSON, _RETRY], msgspec.json.encode(reason))


class TelemetrySource(RequestObserver, Protocol):
    """Observes all requests, and reports what it has counted; see `service.observability.telemetry`."""

    def register(self, families: Callable[[], Iterator[str]]) -> None:
        """Add to the metrics what other parts of the server know."""

    def metrics(self, snapshot: Snapshot) -> bytes:
        """Write the metrics for Prometheus."""

    def status(self, snapshot: Snapshot) -> bytes:
        """Encode the answer of `/status`."""


class MetricsEndpoint:
    """Answers Prometheus."""

    def __init__(self, telemetry: TelemetrySource, snapshot: Callable[[], Snapshot]) -> None:
        self._telemetry = telemetry
        self._snapshot = snapshot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one scrape."""
        body = self._telemetry.metrics(self._snapshot())
        await send_response(send, 200, [(b"content-type", CONTENT_TYPE)], body)


class StatusEndpoint:
    """Answers operators, whose token has the scope `status`."""

    def __init__(
        self, telemetry: TelemetrySource, snapshot: Callable[[], Snapshot], authenticator: Authenticator
    ) -> None:
        self._telemetry = telemetry
        self._snapshot = snapshot
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises: Refused without such a token."""
        record: RequestRecord = scope["state"]["record"]
        header = record.fields.get(b"authorization")
        principal = await self._authenticator.authenticate(header, STATUS_SCOPE)
        record.subject = principal.subject
        body = self._telemetry.status(self._snapshot())
        await send_response(send, 200, [(b"content-type", b"application/json")], body)


NAME = "scorepool"

# The settings that a client can run into, by their names.
LIMITS = (
    "max_body_bytes",
    "max_documents",
    "max_document_bytes",
    "request_timeout_s",
    "body_timeout_s",
    "header_timeout_s",
    "answer_budget_bytes",
    "queue_budget_s",
)


# Those of them that hold for documents alone.
_DOCUMENT_LIMITS = ("max_documents", "max_document_bytes")


def describe(settings: Settings, scorer: ScorerDescription, model: ModelInfo | None) -> dict[str, Any]:
    """Return the answer of `/info`: the service, the scorer, the model of the built-in one, and the limits."""
    named = [name for name in LIMITS if model is not None or name not in _DOCUMENT_LIMITS]
    info = {
        "name": NAME,
        "version": version(NAME),
        "scorer": {"name": scorer.name, "version": scorer.version},
        "limits": {name: getattr(settings, name) for name in named},
    }
    return info if model is None else {**info, "model": msgspec.to_builtins(model)}


class InfoEndpoint:
    """Answers what is served; the scorer's digest as soon as a worker has said it."""

    def __init__(self, info: dict[str, Any], digest: Callable[[], str]) -> None:
        self._info = info
        self._digest = digest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        digest = self._digest()
        scorer = {**self._info["scorer"], **({"digest": digest} if digest else {})}
        await send_response(send, 200, [_JSON], orjson.dumps({**self._info, "scorer": scorer}))
