"""Runs the application: listens, serves, reloads on SIGHUP, and drains on SIGTERM, SIGQUIT or Ctrl-C.

    signal ─→ not ready ─→ (drain_delay) ─→ stop accepting ─→ (drain_timeout: finish what is in hand)
           ─→ refuse the rest ─→ end the workers ─→ close connections (CLOSE_TIMEOUT_S) ─→ exit 0

A second Ctrl-C cuts all of it short, and a drain ends a reload.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import NamedTuple, cast

import uvicorn
from starlette.applications import Starlette

from scoring.errors import ScoringError
from service import development
from service.app import Backend, create_app, make_backend
from service.config_file import exposed_secrets
from service.connections.certificate import Certificate, read_certificate
from service.connections.connection import Connection, ConnectionContext
from service.connections.eviction import OpenConnections
from service.connections.forwarded import TrustedProxies
from service.connections.limits import BODY_GRACE_S, ConnectionLimits, connections_allowed
from service.connections.tls import connection_factory
from service.errors import StartError
from service.jobs.assembly import open_jobs
from service.jobs.jobs import Jobs
from service.listening import BACKLOG, Listeners, open_listeners
from service.observability.jobs import JobTelemetry
from service.observability.log import EventLog, ServiceLog, opened_log
from service.observability.metrics import served_model
from service.observability.process import ProcessMetrics
from service.observability.request_record import NullRequestObserver, RequestObserver
from service.observability.service_manager import ServiceManager
from service.observability.telemetry import Telemetry, Tracer, opened_tracer
from service.pool.requirements import check_requirements
from service.release import open_release
from service.reload import Reloader
from service.settings import Settings, SettingsError
from service.worker.main import HandlerFactory

logger = logging.getLogger(__name__)

# For the last responses to reach their clients; a client that stalls gets no more than this.
CLOSE_TIMEOUT_S = 0.5

# How often it is checked whether they have.
_CLOSE_POLL_S = 0.02

# Objects made, and not yet unmade, between two collections. Python's 700 are ten requests, and most of a
# thousand connections' objects are looked through each time.
GC_THRESHOLD = 2_000

# How often a drain checks whether a second Ctrl-C has come.
_FORCED_POLL_S = 0.1

# Called with the service's address, once it answers there.
Announce = Callable[[str], None]

# Reads something anew without ending the service. A failure is its own to log.
ReloadAction = Callable[[], Awaitable[None]]

# They end the server with a drain. SIGQUIT is Ctrl-\\, and nginx's word for a drain.
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)

# Tools send them to have logs reopened or state dumped. The default would be the end of the process.
_IGNORED_SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)


class Assembly(NamedTuple):
    """The application, its pool and jobs, which its lifespan starts, what exchanges the model, what all report to."""

    app: Starlette
    backend: Backend
    reloader: Reloader
    telemetry: Telemetry
    jobs: Jobs | None


class Server(uvicorn.Server):
    """uvicorn's server with a drain in front of its shutdown; a signal that ends it is no failure."""

    def __init__(
        self,
        config: uvicorn.Config,
        assembly: Assembly,
        settings: Settings,
        listeners: Listeners,
        announce: Announce,
    ) -> None:
        super().__init__(config)
        self._backend = assembly.backend
        self._reloader = assembly.reloader
        self._jobs = assembly.jobs
        self._settings = settings
        self._listeners = listeners
        self._announce = announce
        self._manager = ServiceManager(os.environ)
        self.start_fault = ""
        if settings.scorer is not None:
            # A bundle was verified before; a scorer shows only in a worker whether it can be loaded.
            self._backend.start_refused = self._refuse_start
        self._ignored: set[signal.Signals] = set()
        # What SIGHUP has read anew, one after the other.
        self._reload_actions: list[ReloadAction] = [self._reloader.reload_on_signal]
        self._reloading: asyncio.Task[None] | None = None
        self._reload_again = False

    def add_reload_action(self, action: ReloadAction) -> None:
        """Have SIGHUP read something more anew, before the model, which takes its time."""
        self._reload_actions.insert(0, action)

    def _refuse_start(self, fault: str) -> None:
        """End the server: no worker ever was ready, and another would fail alike."""
        self.start_fault = self.start_fault or fault
        self.should_exit = self.force_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then listen, and say where."""
        await super().startup([])
        self.servers = [await self._accept_from(listener) for listener in self._listeners.sockets]
        # What has been made by now stays for good: no collection needs to scan it again.
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        self._manager.ready(self._listeners.address, asyncio.get_running_loop())
        self._announce(self._listeners.address)

    async def _accept_from(self, listener: socket.socket) -> asyncio.Server:
        """Accept connections, which uvicorn does for TCP alone."""
        loop = asyncio.get_running_loop()
        make = partial(
            cast("Callable[..., asyncio.Protocol]", self.config.http_protocol_class),
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        if listener.family == socket.AF_UNIX:
            return await loop.create_unix_server(make, sock=listener, backlog=BACKLOG)
        return await loop.create_server(make, sock=listener, backlog=BACKLOG)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain the pool, then close what is open."""
        logger.info("drain_started")
        self._reloader.stop()
        self._manager.stopping()
        self._backend.announce_drain()
        if self._jobs is not None:
            await self._unless_forced(self._jobs.stop())
        await self._unless_forced(asyncio.sleep(self._settings.drain_delay_s))
        self._listeners.close()
        for server in self.servers:
            server.close()
        logger.info("accepting_ended")
        await self._unless_forced(self._backend.drain(self._settings.drain_timeout_s))
        if self.force_exit:
            await self._backend.drain(0)
        await self._close_connections()
        await self.lifespan.shutdown()
        self._manager.close()
        logger.info("drain_ended")

    async def _close_connections(self) -> None:
        """Send the last responses and close every connection; after `CLOSE_TIMEOUT_S` also unsent ones.

        uvicorn would cancel the requests that are left, and their clients would get no response.
        """
        for connection in self._connections():
            connection.shutdown()
        end = time.monotonic() + CLOSE_TIMEOUT_S
        while self.server_state.connections and not self.force_exit and time.monotonic() < end:
            await asyncio.sleep(_CLOSE_POLL_S)
        for connection in self._connections():
            connection.abort()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=CLOSE_TIMEOUT_S)

    def _connections(self) -> list[Connection]:
        return [cast("Connection", connection) for connection in self.server_state.connections]

    def _reload(self) -> None:
        """Have everything read anew, and once more where a signal comes while that is going on."""
        self._reload_again = True
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.create_task(self._run_reload_actions(), name="reload actions")

    async def _run_reload_actions(self) -> None:
        self._manager.reloading()
        while self._reload_again:
            self._reload_again = False
            for action in self._reload_actions:
                try:
                    await action()
                except Exception:
                    logger.exception("internal_error")
        self._manager.reloaded()

    def _log_ignored(self, number: signal.Signals) -> None:
        if number not in self._ignored:
            self._ignored.add(number)
            logger.info("signal_ignored", extra={"signal": number.name})

    async def _unless_forced(self, work: Coroutine[None, None, None]) -> None:
        """Await `work`, but no longer than until the second Ctrl-C."""
        task = asyncio.create_task(work)
        while not task.done() and not self.force_exit:
            await asyncio.wait({task}, timeout=_FORCED_POLL_S)
        task.cancel()
        await asyncio.gather(task, return_exceptions=self.force_exit)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle the signals; unlike uvicorn, do not raise those that end the server again at the end."""
        loop = asyncio.get_running_loop()
        terminal = has_terminal()

        # Both go on in the loop: a signal may come while this thread holds the lock of the log.
        def ignore_signal(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._log_ignored, signal.Signals(number))

        def hang_up(number: int, frame: FrameType | None) -> None:
            if terminal and not has_terminal():
                self.handle_exit(number, frame)
            else:
                loop.call_soon_threadsafe(self._reload)

        handlers = dict.fromkeys(_ENDING_SIGNALS, self.handle_exit) | dict.fromkeys(
            _IGNORED_SIGNALS, ignore_signal
        )
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as it is under nohup
            handlers[signal.SIGHUP] = hang_up
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def has_terminal() -> bool:
    """Return whether this process has a controlling terminal: one that is closed has it no more, and sends SIGHUP."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def ignore(address: str) -> None:
    """Announce nothing."""


def run(settings: Settings, handlers: HandlerFactory | None = None, announce: Announce = ignore) -> int:
    """Serve until a signal comes; return the exit status: 0, 2 for what people can mend, 1 for a fault.

    A scorer that no worker can load when the server starts ends it with 2, too.

    `handlers` replace those of the bundle, for tests. `announce` is told the address once it answers.
    """
    with opened_log(settings) as log, opened_tracer(os.environ) as tracer:
        try:
            certificate = read_certificate(settings)
            assembly = assemble(settings, handlers, log, tracer)
            connections = OpenConnections(connections_allowed(settings.workers))
            assembly.telemetry.register(connections.families)
            config = configure(assembly.app, settings, connections, assembly.telemetry, certificate)
            listeners = open_listeners(settings)
        except (ScoringError, SettingsError, StartError) as error:
            print(error, file=sys.stderr)
            return 2
        server = Server(config, assembly, settings, listeners, announce)
        if certificate is not None:
            server.add_reload_action(certificate.reload_on_signal)
        try:
            server.run()
        except SystemExit:
            return 1  # the application did not start; the reason was logged
        finally:
            listeners.close()
    if server.start_fault:
        print(server.start_fault, file=sys.stderr)
        return 2
    return 0


def assemble(
    settings: Settings, handlers: HandlerFactory | None, log: EventLog, tracer: Tracer | None
) -> Assembly:
    """Return the parts that the settings describe; nothing is started yet.

    Raises: SettingsError, BundleError; StartError where the machine lacks what the workers need.
    """
    check_requirements()
    for file in exposed_secrets(settings.config, settings.tls_key_file):
        log.write(logging.WARNING, "secret_readable", file=str(file))
    opening = development.open_release if settings.reload else open_release
    release = opening(settings, handlers)
    model = served_model(release.info)
    log.write(
        logging.INFO, "starting", model=model.name, digest=model.digest or None, workers=settings.workers
    )
    if release.info.scorer.cost_fault:
        logger.warning("scorer_cost_ignored", extra={"detail": release.info.scorer.cost_fault})
    log_memory(settings, log)
    telemetry = Telemetry(model, ServiceLog(log), time.monotonic, tracer)
    telemetry.register(ProcessMetrics().families)
    backend = make_backend(settings, release, telemetry)
    reloader = Reloader(release.info, partial(opening, settings, handlers), backend, telemetry)
    jobs = open_jobs(settings, backend, reloader, JobTelemetry(ServiceLog(log)), telemetry.register)
    app = create_app(settings, reloader, backend, telemetry, jobs=jobs)
    if settings.reload:
        development.follow_changes(app, release.folder, reloader.reload_on_signal)
    return Assembly(app, backend, reloader, telemetry, jobs)


def log_memory(settings: Settings, log: EventLog) -> None:
    """Say what may hold how much memory, and warn where all of it together is more than there is."""
    shares, limit = settings.memory, settings.memory_bytes
    needed = shares.needed(settings.workers)
    short = limit is not None and needed > limit
    level = logging.WARNING if short else logging.INFO
    log.write(
        level, "memory", limit_bytes=limit, needed_bytes=needed, sufficient=not short, **shares._asdict()
    )


def configure(
    app: Starlette,
    settings: Settings,
    connections: OpenConnections,
    observer: RequestObserver | None = None,
    certificate: Certificate | None = None,
) -> uvicorn.Config:
    """Return uvicorn's configuration: nothing of its own logging, and no protocol that is not needed.

    `observer` is told of what is refused before it becomes a request. With a `certificate` all connections have TLS.
    """
    context = ConnectionContext(
        ConnectionLimits(settings.header_timeout_s, settings.body_timeout_s + BODY_GRACE_S),
        connections,
        observer or NullRequestObserver(),
        app.state.load_shedder.response,
        TrustedProxies(settings.forwarded_allow_ips),
    )
    return uvicorn.Config(
        app,
        http=connection_factory(context, certificate),  # type: ignore[arg-type]  # any factory will do
        ws="none",
        loop="uvloop",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        root_path=settings.root_path,
        server_header=False,
    )
