"""What operators and clients ask of the service itself: probes, `/metrics`, `/status`, `/info` and `/reload`.

Probes take no token and never wait in a queue. Liveness depends on nothing but the event loop: a service that
is restarted because it is busy is never ready.
"""

from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Protocol

import msgspec
import orjson
from starlette.types import Receive, Scope, Send

from service.api.openapi import openapi_document
from service.api.response import NotReady, Reloaded
from service.api.scorer import Served
from service.auth.tokens import Authenticator
from service.http.responses import Header, send_response
from service.observability.prometheus import CONTENT_TYPE
from service.observability.request_record import RequestObserver, RequestRecord
from service.observability.status import Snapshot
from service.settings import Settings

# The scopes that `/status` and `/reload` need.
STATUS_SCOPE = "status"
ADMIN_SCOPE = "admin"

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
        await _authenticate(self._authenticator, scope, STATUS_SCOPE)
        body = self._telemetry.status(self._snapshot())
        await send_response(send, 200, [_JSON], body)


async def _authenticate(authenticator: Authenticator, scope: Scope, needed: str) -> None:
    """Note whose request it is. Raises: Refused without a token that has the scope `needed`."""
    record: RequestRecord = scope["state"]["record"]
    principal = await authenticator.authenticate(record.fields.get(b"authorization"), needed)
    record.subject = principal.subject


class ReloadableModel(Protocol):
    """What is served; see `service.reload`."""

    info: Served

    async def reload(self) -> Reloaded:
        """Serve what is at its path now. Raises: Refused, and then nothing has changed."""

    def stop(self) -> None:
        """End the reload that runs, and allow no other."""


class InfoEndpoint:
    """Answers what the service is, what it serves at this moment, and its limits."""

    def __init__(self, settings: Settings, model: ReloadableModel, digest: Callable[[], str]) -> None:
        self._settings = settings
        self._model = model
        self._digest = digest
        self._described: tuple[Served, str] | None = None
        self._body = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        served = self._model.info, self._digest()
        if self._described != served:
            # A millisecond, most of it for the version.
            self._described, self._body = served, orjson.dumps(describe(self._settings, *served))
        await send_response(send, 200, [_JSON], self._body)


class OpenApiEndpoint:
    """Answers with the OpenAPI document of what is served at this moment."""

    def __init__(self, settings: Settings, model: ReloadableModel) -> None:
        """Make the document, which takes some milliseconds, before the event loop turns."""
        self._settings = settings
        self._model = model
        self._described = model.info.scorer
        self._body = self._document()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # Another bundle changes nothing; other code of a scorer may.
        if self._described != self._model.info.scorer:
            self._described, self._body = self._model.info.scorer, self._document()
        await send_response(send, 200, [_JSON], self._body)

    def _document(self) -> bytes:
        scorer, model = self._model.info
        own = None if model is not None else scorer
        prefix = self._settings.root_path or "."
        return orjson.dumps(
            openapi_document(self._settings.limits, self._settings.overload_status, own, prefix)
        )


class ReloadEndpoint:
    """Serves what is at the model's path now, for operators whose token has the scope `admin`."""

    def __init__(self, model: ReloadableModel, authenticator: Authenticator) -> None:
        self._model = model
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer when the reload has ended. Raises: Refused without such a token, or when nothing has changed."""
        await _authenticate(self._authenticator, scope, ADMIN_SCOPE)
        end = await self._model.reload()
        await send_response(send, 200, [_JSON], msgspec.json.encode(end))


NAME = "scorepool"

# The settings that a client can run into, by their names.
LIMITS = (
    "max_body_bytes",
    "max_documents",
    "max_document_bytes",
    "request_timeout_s",
    "body_timeout_s",
    "header_timeout_s",
    "body_budget_bytes",
    "answer_budget_bytes",
    "queue_budget_s",
)


# Those of them that hold for documents alone.
_DOCUMENT_LIMITS = ("max_documents", "max_document_bytes")


def describe(settings: Settings, served: Served, digest: str) -> dict[str, object]:
    """Return the answer of `/info`: the service, the scorer, the model of the built-in one, and the limits.

    digest: what the workers say that they serve, as soon as one has said it.
    """
    named = [name for name in LIMITS if served.model is not None or name not in _DOCUMENT_LIMITS]
    scorer = {"name": served.scorer.name, "version": served.scorer.version}
    info: dict[str, object] = {
        "name": NAME,
        "version": version(NAME),
        "scorer": {**scorer, "digest": digest} if digest else scorer,
        "limits": {name: getattr(settings, name) for name in named},
    }
    return info if served.model is None else {**info, "model": msgspec.to_builtins(served.model)}
