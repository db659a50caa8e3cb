"""The application: its parts, its routes, and what happens around every request."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Protocol

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from service.api.openapi import document
from service.auth.jwks import IssuerKeys
from service.auth.keys import FixedKey, KeySource, file_key, secret_key
from service.auth.tokens import Authenticator, TokenPolicy
from service.connections.load_shedding import Queue, Shedder
from service.dispatcher import Dispatcher
from service.http.health import Probe
from service.http.info import describe
from service.http.middleware import CrossOrigin, Envelope, Shortcut
from service.http.operations import MetricsEndpoint, StatusEndpoint, Watch
from service.http.pages import page_routes
from service.http.responses import FixedAnswer, answer_http_exception
from service.http.score import Intake, ScoreEndpoint, ScoreLimits
from service.limits import Capacity
from service.observability.metrics import SCORE_ROUTE
from service.observability.snapshot import Snapshot
from service.pool.observer import Observer
from service.settings import Settings
from service.worker.factory import open_handler
from service.worker.main import HandlerFactory


class Workforce(Intake, Queue, Protocol):
    """What the application needs of the dispatcher."""

    started: bool

    @property
    def readiness(self) -> str | None:
        """Return None when requests are welcome, else why not."""

    async def start(self) -> None:
        """Start the workers without waiting for them."""

    def announce_drain(self) -> None:
        """Make readiness false; requests are still taken."""

    async def drain(self, timeout_s: float) -> None:
        """Take no more requests, finish within the time what can be, and end the workers."""

    def snapshot(self) -> Snapshot:
        """Describe the slots and the queue."""


def make_workforce(
    settings: Settings, handlers: HandlerFactory | None = None, observer: Observer | None = None
) -> Dispatcher:
    """Return the pool that the settings describe, not started; `handlers` replace those of the bundle."""
    capacity = Capacity(
        workers=settings.workers,
        max_body_bytes=settings.max_body_bytes,
        max_documents=settings.max_documents,
        queue_budget_s=settings.queue_budget_s,
        worker_memory_bytes=settings.worker_memory_bytes,
    )
    return Dispatcher(handlers or partial(open_handler, settings.bundle, settings.limits), capacity, observer)


def make_keys(settings: Settings) -> KeySource:
    """Return where the keys of tokens come from. Raises: SettingsError for a file that holds none."""
    if settings.jwt_jwks_url is not None:
        return IssuerKeys(settings.jwt_jwks_url, settings.algorithms)
    if settings.jwt_public_key_file is not None:
        return FixedKey(file_key(settings.jwt_public_key_file, settings.algorithms))
    assert settings.jwt_secret is not None
    return FixedKey(secret_key(settings.jwt_secret, settings.algorithms))


def create_app(
    settings: Settings, workforce: Workforce, watch: Watch, *, keys: KeySource | None = None
) -> Starlette:
    """Return the application over a pool that its lifespan starts and drains.

    `watch` is told about every request. Raises: SettingsError, BundleError.
    """
    keys = keys or make_keys(settings)
    policy = TokenPolicy(settings.jwt_audience, settings.jwt_issuer, settings.jwt_leeway_s)
    limits = ScoreLimits(
        settings.max_body_bytes, settings.request_timeout_s, settings.body_timeout_s, settings.jwt_scope
    )
    authenticator = Authenticator(keys, policy)
    shedder = Shedder(workforce, authenticator, watch, limits)
    score = Route(SCORE_ROUTE, ScoreEndpoint(workforce, authenticator, limits), methods=["POST"])
    app = Starlette(
        routes=[
            score,
            Route("/livez", Probe("alive", lambda: None), methods=["GET"]),
            Route("/readyz", Probe("ready", lambda: _readiness(workforce, keys)), methods=["GET"]),
            Route("/startupz", Probe("started", lambda: _startup(workforce)), methods=["GET"]),
            Route("/metrics", MetricsEndpoint(watch, workforce.snapshot), methods=["GET"]),
            Route("/status", StatusEndpoint(watch, workforce.snapshot, authenticator), methods=["GET"]),
            Route("/info", _json(describe(settings)), methods=["GET"]),
            Route("/openapi.json", _json(document(settings.limits)), methods=["GET"]),
            *page_routes(),
        ],
        middleware=[
            Middleware(Envelope, observer=watch),
            *([Middleware(CrossOrigin, origins=settings.cors_origins)] if settings.cors_origins else []),
            Middleware(Shortcut, route=score),
        ],
        exception_handlers={HTTPException: answer_http_exception},
        lifespan=_lifespan(workforce, keys, settings.drain_timeout_s),
    )
    # `/score/` is another path, and POST bodies do not survive a redirect.
    app.router.redirect_slashes = False
    # For the server, which asks it before the application sees a request.
    app.state.shedder = shedder
    return app


def _json(value: Mapping[str, object]) -> FixedAnswer:
    return FixedAnswer("application/json", orjson.dumps(value))


def _readiness(workforce: Workforce, keys: KeySource) -> str | None:
    return workforce.readiness or (None if keys.ready else "starting")


def _startup(workforce: Workforce) -> str | None:
    return None if workforce.started else "starting"


def _lifespan(
    workforce: Workforce, keys: KeySource, drain_timeout_s: float
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await keys.start()
        await workforce.start()
        try:
            yield
        finally:
            # The server has drained already when it was ours; under another one this is the only chance.
            await workforce.drain(drain_timeout_s)
            await keys.stop()

    return lifespan
