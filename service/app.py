"""The application: its parts, its routes, and what happens around every request."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Protocol

import orjson
from msgspec import UNSET
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from service.api.openapi import openapi_document
from service.api.request import EXPLAIN_ROUTE, SCORE_ROUTE
from service.api.response import NotReady
from service.api.scorer import ScorerDescription
from service.auth.jwks import IssuerKeys
from service.auth.keys import FixedKey, KeySource, file_key, secret_key
from service.auth.tokens import Authenticator, TokenPolicy
from service.connections.load_shedding import LoadShedder, OverloadCheck
from service.dispatcher import Dispatcher
from service.http.middleware import DirectRoute, RequestContext, cross_origin
from service.http.operations import (
    InfoEndpoint,
    MetricsEndpoint,
    Probe,
    StatusEndpoint,
    TelemetrySource,
    describe,
)
from service.http.pages import page_routes
from service.http.responses import FixedResponse, http_exception_response
from service.http.score import EXPLAIN, JobQueue, ScoreEndpoint, work_of
from service.limits import PoolLimits, ScoreLimits
from service.observability.health import HealthMetrics
from service.observability.readiness import Readiness
from service.observability.status import Snapshot
from service.pool.fork_server import import_from
from service.pool.observer import Observer
from service.scorers.serving import ServedScorer
from service.settings import Settings
from service.worker.main import HandlerFactory


class Backend(JobQueue, OverloadCheck, Protocol):
    """What the application needs of the dispatcher."""

    started: bool
    start_refused: Callable[[str], None] | None

    @property
    def digest(self) -> str:
        """What the workers serve, as they say; empty while none has said it."""

    @property
    def readiness(self) -> str | None:
        """Return None when requests are welcome, else why not."""

    async def start(self) -> None:
        """Start the workers without waiting for them."""

    @property
    def damage(self) -> str | None:
        """Return which file of the bundle is damaged and how, None while there is none known."""

    def announce_drain(self) -> None:
        """Make readiness false; requests are still taken."""

    async def drain(self, timeout_s: float) -> None:
        """Take no more requests, finish within the time what can be, and end the workers."""

    def snapshot(self) -> Snapshot:
        """Describe the slots and the queue."""


def make_backend(
    settings: Settings,
    scorer: ServedScorer,
    handlers: HandlerFactory | None = None,
    observer: Observer | None = None,
) -> Dispatcher:
    """Return the pool that the settings describe, not started; `handlers` replace those of the scorer."""
    limits = PoolLimits(
        workers=settings.workers,
        max_body_bytes=settings.max_body_bytes,
        max_documents=settings.max_documents,
        answer_budget_bytes=settings.answer_budget_bytes,
        queue_budget_s=settings.queue_budget_s,
        worker_memory_bytes=settings.worker_memory_bytes,
        load_timeout_s=settings.load_timeout_s,
        worker_max_calls=settings.worker_max_calls,
    )
    import_from(scorer.source.folder)
    predictor = scorer.predictor(limits, Random())  # noqa: S311 - samples
    return Dispatcher(handlers or scorer.source, limits, observer, scorer.bundle, predictor)


def make_keys(settings: Settings) -> KeySource:
    """Return where the keys of tokens come from. Raises: SettingsError for a file that holds none."""
    if settings.jwt_jwks_url is not None:
        from service.auth.key_fetch import KeyFetcher  # noqa: PLC0415 - httpx takes 0.1 s to import

        return IssuerKeys(settings.jwt_jwks_url, settings.algorithms, fetch=KeyFetcher())
    if settings.jwt_public_key_file is not None:
        return FixedKey(file_key(settings.jwt_public_key_file, settings.algorithms))
    assert settings.jwt_secret is not None
    return FixedKey(secret_key(settings.jwt_secret, settings.algorithms))


class Application(Starlette):
    """Starlette without its outermost layer: `RequestContext` answers every fault before it would."""

    def build_middleware_stack(self) -> ASGIApp:
        """Return the layers from `RequestContext` on."""
        stack = super().build_middleware_stack()
        assert isinstance(stack, ServerErrorMiddleware)
        return stack.app


def create_app(
    settings: Settings,
    scorer: ServedScorer,
    backend: Backend,
    telemetry: TelemetrySource,
    *,
    keys: KeySource | None = None,
) -> Starlette:
    """Return the application over a pool that its lifespan starts and drains.

    `telemetry` is told about every request. Raises: SettingsError.
    """
    keys = keys or make_keys(settings)
    limits = _score_limits(settings)
    authenticator = Authenticator(keys, _token_policy(settings))
    load_shedder = LoadShedder(backend, authenticator, telemetry, limits)
    readiness = Readiness(lambda: backend.readiness or (None if keys.ready else "starting"))
    telemetry.register(_health(settings, backend, readiness).families)
    work = _work_routes(scorer.description, backend, authenticator, limits)
    app = Application(
        routes=[
            *work,
            *_probe_routes(backend, readiness),
            Route("/metrics", MetricsEndpoint(telemetry, backend.snapshot), methods=["GET"]),
            Route("/status", StatusEndpoint(telemetry, backend.snapshot, authenticator), methods=["GET"]),
            *_document_routes(settings, scorer, backend),
            *page_routes(),
        ],
        middleware=[
            Middleware(RequestContext, observer=telemetry),
            *cross_origin(settings.cors_origins),
            Middleware(DirectRoute, route=work[0]),
        ],
        exception_handlers={HTTPException: http_exception_response},
        lifespan=_lifespan(backend, keys, readiness, settings.drain_timeout_s),
    )
    # `/score/` is another path, and POST bodies do not survive a redirect.
    app.router.redirect_slashes = False
    app.state.load_shedder = load_shedder  # the server asks it before the application sees a request
    return app


def _token_policy(settings: Settings) -> TokenPolicy:
    return TokenPolicy(settings.jwt_audience, settings.jwt_issuer, settings.jwt_leeway_s)


def _health(settings: Settings, backend: Backend, readiness: Readiness) -> HealthMetrics:
    return HealthMetrics(settings, lambda: readiness() is None, lambda: backend.damage is not None)


def _work_routes(
    scorer: ScorerDescription, backend: Backend, authenticator: Authenticator, limits: ScoreLimits
) -> list[Route]:
    """Return the routes that workers answer; that of `/score` is the first."""
    score = ScoreEndpoint(backend, authenticator, limits, work_of(scorer))
    routes = [Route(SCORE_ROUTE, score, methods=["POST"])]
    if "explain" in scorer.operations:
        explain = ScoreEndpoint(backend, authenticator, limits, EXPLAIN)
        routes.append(Route(EXPLAIN_ROUTE, explain, methods=["POST"]))
    return routes


def _document_routes(settings: Settings, scorer: ServedScorer, backend: Backend) -> list[Route]:
    info = InfoEndpoint(describe(settings, scorer.description, scorer.model), lambda: backend.digest)
    own = None if scorer.model is not None else scorer.description
    document = openapi_document(settings.limits, settings.overload_status, own)
    return [
        Route("/info", info, methods=["GET"]),
        Route("/openapi.json", _json(document), methods=["GET"]),
    ]


def _json(value: Mapping[str, object]) -> FixedResponse:
    return FixedResponse("application/json", orjson.dumps(value))


def _score_limits(settings: Settings) -> ScoreLimits:
    return ScoreLimits(
        settings.max_body_bytes,
        settings.request_timeout_s,
        settings.body_timeout_s,
        settings.jwt_scope,
        settings.overload_status,
    )


def _probe_routes(backend: Backend, readiness: Readiness) -> list[Route]:
    def ready() -> NotReady | None:
        return _not_ready(backend, readiness())

    def started() -> NotReady | None:
        return _not_ready(backend, None if backend.started else "starting")

    return [
        Route("/livez", Probe("alive", lambda: None), methods=["GET"]),
        Route("/readyz", Probe("ready", ready), methods=["GET"]),
        Route("/startupz", Probe("started", started), methods=["GET"]),
    ]


def _not_ready(backend: Backend, reason: str | None) -> NotReady | None:
    return None if reason is None else NotReady("unavailable", reason, backend.damage or UNSET)


def _lifespan(
    backend: Backend, keys: KeySource, readiness: Readiness, drain_timeout_s: float
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await keys.start()
        await backend.start()
        readiness.start()
        try:
            yield
        finally:
            # Our own server has drained already; under another ASGI server this is the only drain.
            await backend.drain(drain_timeout_s)
            readiness.stop()
            await keys.stop()

    return lifespan
