"""The application: its parts, its routes, and what happens around every request."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from random import Random
from typing import Protocol

from msgspec import UNSET
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from service.api.request import EXPLAIN_ROUTE, SCORE_ROUTE
from service.api.response import NotReady
from service.api.scorer import ScorerDescription
from service.auth.jwks import IssuerKeys
from service.auth.keys import FixedKey, KeySource, file_key, secret_key
from service.auth.tokens import Authenticator, TokenPolicy
from service.connections.load_shedding import LoadShedder, OverloadCheck
from service.dispatcher import Dispatcher
from service.http.jobs import job_routes
from service.http.middleware import DirectRoute, RequestContext, cross_origin, prefix_redirect
from service.http.operations import (
    InfoEndpoint,
    MetricsEndpoint,
    OpenApiEndpoint,
    Probe,
    ReloadableModel,
    ReloadEndpoint,
    StatusEndpoint,
    TelemetrySource,
)
from service.http.pages import page_routes
from service.http.responses import http_exception_response
from service.http.score import EXPLAIN, JobQueue, ScoreEndpoint, work_of
from service.jobs.jobs import Jobs
from service.limits import PoolLimits, ScoreLimits
from service.memory import largest_answer
from service.observability.health import HealthMetrics
from service.observability.readiness import Readiness
from service.observability.status import Snapshot
from service.pool.fork_server import import_from
from service.pool.observer import Observer
from service.release import Release
from service.settings import Settings


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


def make_backend(settings: Settings, release: Release, observer: Observer | None = None) -> Dispatcher:
    """Return the pool that the settings describe, not started; it takes over the release's open files."""
    limits = PoolLimits(
        workers=settings.workers,
        max_body_bytes=settings.max_body_bytes,
        body_budget_bytes=settings.body_budget_bytes,
        max_documents=settings.max_documents,
        max_answer_bytes=largest_answer(settings.answer_budget_bytes),
        answer_budget_bytes=settings.answer_budget_bytes,
        queue_budget_s=settings.queue_budget_s,
        worker_memory_bytes=settings.worker_memory_bytes,
        load_timeout_s=settings.load_timeout_s,
        worker_max_calls=settings.worker_max_calls,
        background_share=settings.jobs_share,
    )
    import_from(release.folder)
    predictor = release.predictor(limits, Random())  # noqa: S311 - samples
    return Dispatcher(release.handlers, limits, observer, release.bundle, predictor)


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


def create_app(  # noqa: PLR0913 - the parts of the service
    settings: Settings,
    model: ReloadableModel,
    backend: Backend,
    telemetry: TelemetrySource,
    *,
    keys: KeySource | None = None,
    jobs: Jobs | None = None,
) -> Starlette:
    """Return the application over a pool that its lifespan starts and drains, with the jobs that it works on.

    `model`: what the pool serves. `telemetry` is told about every request. Raises: SettingsError.
    """
    keys = keys or make_keys(settings)
    limits = _score_limits(settings)
    authenticator = Authenticator(keys, _token_policy(settings))
    load_shedder = LoadShedder(backend, authenticator, telemetry, limits, settings.root_path)
    readiness = Readiness(lambda: backend.readiness or (None if keys.ready else "starting"))
    telemetry.register(_health(settings, backend, readiness).families)
    drain = partial(_drain, model, backend, jobs, settings.drain_timeout_s)
    work = _work_routes(model.info.scorer, backend, authenticator, limits)
    app = Application(
        routes=[
            *work,
            *_probe_routes(backend, readiness),
            *_operator_routes(model, telemetry, partial(_snapshot, backend, jobs), authenticator),
            *_document_routes(settings, model, backend),
            *job_routes(jobs, authenticator, settings.body_timeout_s),
            *page_routes(),
        ],
        middleware=_middleware(settings, telemetry, work[0]),
        exception_handlers={HTTPException: http_exception_response},
        lifespan=_lifespan(backend, keys, readiness, jobs, drain),
    )
    # `/score/` is another path, and POST bodies do not survive a redirect.
    app.router.redirect_slashes = False
    app.state.load_shedder = load_shedder  # the server asks it before the application sees a request
    return app


def _token_policy(settings: Settings) -> TokenPolicy:
    return TokenPolicy(settings.jwt_audience, settings.jwt_issuer, settings.jwt_leeway_s)


def _health(settings: Settings, backend: Backend, readiness: Readiness) -> HealthMetrics:
    return HealthMetrics(settings, lambda: readiness() is None, lambda: backend.damage is not None)


def _middleware(settings: Settings, telemetry: TelemetrySource, direct: Route) -> list[Middleware]:
    return [
        Middleware(RequestContext, observer=telemetry),
        *cross_origin(settings.cors_origins),
        Middleware(DirectRoute, route=direct),
        *prefix_redirect(settings.root_path),
    ]


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


def _operator_routes(
    model: ReloadableModel,
    telemetry: TelemetrySource,
    snapshot: Callable[[], Snapshot],
    authenticator: Authenticator,
) -> list[Route]:
    return [
        Route("/metrics", MetricsEndpoint(telemetry, snapshot), methods=["GET"]),
        Route("/status", StatusEndpoint(telemetry, snapshot, authenticator), methods=["GET"]),
        Route("/reload", ReloadEndpoint(model, authenticator), methods=["POST"]),
    ]


def _document_routes(settings: Settings, model: ReloadableModel, backend: Backend) -> list[Route]:
    info = InfoEndpoint(settings, model, lambda: backend.digest)
    return [
        Route("/info", info, methods=["GET"]),
        Route("/openapi.json", OpenApiEndpoint(settings, model), methods=["GET"]),
    ]


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


def _snapshot(backend: Backend, jobs: Jobs | None) -> Snapshot:
    pool = backend.snapshot()
    return pool if jobs is None else replace(pool, job_states=jobs.counts())


def _not_ready(backend: Backend, reason: str | None) -> NotReady | None:
    return None if reason is None else NotReady("unavailable", reason, backend.damage or UNSET)


async def _drain(model: ReloadableModel, backend: Backend, jobs: Jobs | None, timeout_s: float) -> None:
    """Our own server has drained already; under another ASGI server this is the only drain."""
    model.stop()
    if jobs is not None:
        await jobs.stop()
    await backend.drain(timeout_s)


def _lifespan(
    backend: Backend,
    keys: KeySource,
    readiness: Readiness,
    jobs: Jobs | None,
    drain: Callable[[], Awaitable[None]],
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await keys.start()
        await backend.start()
        if jobs is not None:
            await jobs.start()
        readiness.start()
        try:
            yield
        finally:
            await drain()
            if jobs is not None:
                await jobs.close()
            readiness.stop()
            await keys.stop()

    return lifespan
