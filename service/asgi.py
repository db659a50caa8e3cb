"""The service as an ASGI application, for other servers than its own; the settings come from the environment.

    uvicorn --factory service.asgi:create          uvicorn service.asgi:app

`scorepool serve` is the way to run it. Under another server the following does not hold, because it is done by
`service.connections` and `service.server`, or cannot be done by an application:

- Limits on connections: their number, the size of a head (431), the time for a head and for an idle connection
  (`header_timeout_s`), strict framing, and the time in which a client must read. Only that server's own limits hold.
- Under overload each refused request costs as much as one that is parsed and routed: nothing is shed by its head.
- The drain is that server's. `/readyz` says `draining` only when it has stopped accepting, so `drain_delay_s` is
  without effect; `drain_timeout_s` begins when the last connection is closed, so that server needs a time limit of
  its own (`uvicorn --timeout-graceful-shutdown`). Requests on kept connections are cut off instead of refused.
- Signals but SIGINT and SIGTERM do what that server does, most often end it at once. The workers ignore them. A reload
  is asked for by `POST /reload`; SIGHUP is none.
- `host`, `port`, `uds`, `tls_certificate_file`, `tls_key_file`, `forwarded_allow_ips` and the limit on open files are
  that server's; a prefix has to be given to it (`uvicorn --root-path`) and as `root_path`, and the proxy must strip it.
  Its own log lines are in its own form.
- A client that leaves while it is sent its answer may be logged with the status of the answer instead of 499.
- `uvicorn --workers N` has N pools, each with `workers` processes, metrics and shares of its own.
"""

import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from starlette.applications import Starlette

from service.configuration import load
from service.observability.log import opened_log
from service.observability.telemetry import opened_tracer
from service.server import assemble


def create() -> Starlette:
    """Return the application; its lifespan starts the workers, and drains and ends them.

    Raises: SettingsError, BundleError, StartError.
    """
    settings = load({}, os.environ)
    with ExitStack() as opening:
        log = opening.enter_context(opened_log(settings))
        tracer = opening.enter_context(opened_tracer(os.environ))
        app = assemble(settings, None, log, tracer).app
        opened = opening.pop_all()
    drained = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[Any]:
        with opened:
            async with drained(app) as state:
                yield state

    app.router.lifespan_context = lifespan
    return app


def __getattr__(name: str) -> Starlette:
    """Make `app` when it is asked for first: the import of this module starts and opens nothing."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    app = create()
    globals()["app"] = app
    return app
