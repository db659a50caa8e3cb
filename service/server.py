"""Runs the application: listens, serves, and on SIGTERM or Ctrl-C goes in good order.

    signal ─→ not ready ─→ (drain_delay) ─→ stop accepting ─→ (drain_timeout: finish what is in hand)
           ─→ refuse the rest ─→ end the workers ─→ close connections (CLOSE_TIMEOUT_S) ─→ exit 0

A second Ctrl-C cuts all of it short.
"""

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import cast

import uvicorn
from starlette.applications import Starlette

from scoring.bundle.bundle import open_bundle
from scoring.errors import ScoringError
from service.app import Backend, create_app, make_backend
from service.connections.connection import Connection
from service.connections.eviction import OpenConnections
from service.connections.limits import ConnectionContext
from service.connections.uvicorn_adapter import HttpToolsParser, MessageSource, Parser
from service.observability.log import ServiceLog, opened_log
from service.observability.metrics import ServedModel
from service.observability.request_record import NullRequestObserver, RequestObserver
from service.observability.telemetry import Telemetry, opened_tracer
from service.settings import Settings, SettingsError
from service.worker.main import HandlerFactory

logger = logging.getLogger(__name__)

# For the last answers to reach their clients; one that stalls gets no more than this.
CLOSE_TIMEOUT_S = 0.5

# How often it looks whether they have.
_CLOSE_POLL_S = 0.02

# How long an idle connection is kept: longer than the 60 s of common load balancers, so that it is they who
# close, and never a request that meets a connection being closed.
KEEP_ALIVE_S = 75

# When a body's time is up the application answers; this much later the connection ends where it could not.
GRACE_S = 1.0

# Time in which the network must take a piece of an answer (256 KiB): a client must read 13 KB/s.
WRITE_TIMEOUT_S = 20.0

# Each takes about 10 KiB; far more than clients of a service with so few workers can use.
MAX_CONNECTIONS = 10_000

# Objects made, and not yet unmade, between two collections. Python's 700 are ten requests, and most of a
# thousand connections' objects are looked through each time.
GC_THRESHOLD = 2_000

# How often a drain looks whether a second Ctrl-C has come.
_FORCED_POLL_S = 0.1

# Told the service's address, once it answers there.
Announce = Callable[[str], None]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Server(uvicorn.Server):
    """uvicorn's server with a drain in front of its shutdown, and an exit status that says it went well."""

    def __init__(
        self, config: uvicorn.Config, backend: Backend, settings: Settings, announce: Announce
    ) -> None:
        super().__init__(config)
        self._backend = backend
        self._settings = settings
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, and then say where."""
        await super().startup(sockets)
        # What there is now stays: no collection needs to look at it again.
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        if sockets and self.started:
            self._announce(f"http://{self._settings.host}:{sockets[0].getsockname()[1]}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain the pool, then close what is open."""
        logger.info("drain_started")
        self._backend.announce_drain()
        await self._unless_forced(asyncio.sleep(self._settings.drain_delay_s))
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        logger.info("accepting_ended")
        await self._unless_forced(self._backend.drain(self._settings.drain_timeout_s))
        if self.force_exit:
            await self._backend.drain(0)
        await self._close_connections()
        await self.lifespan.shutdown()
        logger.info("drain_ended")

    async def _close_connections(self) -> None:
        """Let the last answers out and close every connection; after `CLOSE_TIMEOUT_S` whether they are out or not.

        Not uvicorn's way: it cancels the requests that are left, which has nothing to tell their clients.
        """
        for connection in self._connections():
            connection.shut_down()
        end = time.monotonic() + CLOSE_TIMEOUT_S
        while self.server_state.connections and not self.force_exit and time.monotonic() < end:
            await asyncio.sleep(_CLOSE_POLL_S)
        for connection in self._connections():
            connection.abort()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=CLOSE_TIMEOUT_S)

    def _connections(self) -> list[MessageSource]:
        return [cast("Parser", parser).feeder for parser in self.server_state.connections]

    async def _unless_forced(self, work: Coroutine[None, None, None]) -> None:
        """Await `work`, but no longer than until the second Ctrl-C."""
        task = asyncio.create_task(work)
        while not task.done() and not self.force_exit:
            await asyncio.wait({task}, timeout=_FORCED_POLL_S)
        task.cancel()
        await asyncio.gather(task, return_exceptions=self.force_exit)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals that end the server; unlike uvicorn's own, do not die of them in the end."""
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def ignore(address: str) -> None:
    """Tell nobody."""


def run(settings: Settings, handlers: HandlerFactory | None = None, announce: Announce = ignore) -> int:
    """Serve until a signal comes; return the exit status: 0, 2 for what people can mend, 1 for a fault.

    `handlers` replace those of the bundle, for tests. `announce` is told the address once it answers.
    """
    with opened_log(settings) as log, opened_tracer(os.environ) as tracer:
        try:
            bundle = open_bundle(settings.bundle, verify=True)
            model = ServedModel(bundle.manifest.name, bundle.digest, bundle.manifest.clusters)
            log.write(
                logging.INFO, "starting", model=model.name, digest=model.digest, workers=settings.workers
            )
            telemetry = Telemetry(model, ServiceLog(log), time.monotonic, tracer)
            backend = make_backend(settings, handlers, telemetry)
            app = create_app(settings, backend, telemetry)
            sockets = listen(settings.host, settings.port)
        except (ScoringError, SettingsError) as error:
            print(error, file=sys.stderr)
            return 2
        server = Server(configure(app, settings, telemetry), backend, settings, announce)
        try:
            server.run(sockets)
        except SystemExit:
            return 1  # the application did not start; the reason was logged
        return 0


def configure(
    app: Starlette,
    settings: Settings,
    observer: RequestObserver | None = None,
    parser: type[Parser] = HttpToolsParser,
) -> uvicorn.Config:
    """Return uvicorn's configuration: nothing of its own logging, and no protocol that is not needed.

    `observer` is told of what is refused before it becomes a request.
    """
    doorman = ConnectionContext(
        head_s=settings.header_timeout_s,
        body_s=settings.body_timeout_s + GRACE_S,
        idle_s=KEEP_ALIVE_S,
        write_s=WRITE_TIMEOUT_S,
        crowd=OpenConnections(connections_allowed()),
        observer=observer or NullRequestObserver(),
        shed=app.state.load_shedder.answer,
    )
    return uvicorn.Config(
        app,
        http=partial(Connection, parser, doorman),  # type: ignore[arg-type]  # any factory will do
        ws="none",
        loop="uvloop",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
    )


def connections_allowed() -> int:
    """Return how many connections there may be, after raising the limit on open files as far as it goes.

    Half of the files: the pool needs some for each worker, and accepting must never fail for want of one.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = MAX_CONNECTIONS * 2 if most == resource.RLIM_INFINITY else min(most, MAX_CONNECTIONS * 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    return files // 2


def listen(host: str, port: int) -> list[socket.socket]:
    """Return sockets bound to every address of `host`; they accept only once the server is ready.

    Raises: SettingsError when an address cannot be had.
    """
    sockets = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            bound = socket.socket(family, kind, protocol)
            sockets.append(bound)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind(address)
    except OSError as error:
        for opened in sockets:
            opened.close()
        raise SettingsError([f"host, port: cannot listen on {host}:{port}: {error.strerror}"]) from error
    for bound in sockets:
        logger.info("listening", extra={"host": bound.getsockname()[0], "port": bound.getsockname()[1]})
    return sockets
