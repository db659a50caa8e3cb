"""What happens around every request: pure ASGI, one wrapper of `send` each.

BaseHTTPMiddleware is not used: it hides a client's disconnect from the application.
"""

import logging
import time
from collections.abc import Callable, Sequence

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import PROBLEMS
from service.errors import Refused
from service.http.responses import API_HEADERS, Header, send_problem, send_response
from service.observability.request_record import CLIENT_CLOSED, RequestObserver, RequestRecord, begin

Clock = Callable[[], float]

logger = logging.getLogger(__name__)

_API_NAMES = frozenset(name for name, _ in API_HEADERS)

_FAULT = Refused("internal_error", "a fault of the service; it was logged with this request's id")


class RequestContext:
    """Gives each request an id and a record, each response its headers, and answers faults of the service.

    The outermost layer: nothing changes a response after it. `observer` is told of each request's begin and end.
    The record is `scope["state"]["record"]`.
    """

    def __init__(self, app: ASGIApp, observer: RequestObserver, clock: Clock = time.monotonic) -> None:
        self._app = app
        self._observer = observer
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = begin(scope, self._clock())
        scope.setdefault("state", {})["record"] = record
        self._observer.began(record)

        async def send_completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message["headers"] = _completed(message["headers"], record)
            await send(message)

        try:
            await self._serve(record, scope, receive, send_completed)
        finally:
            route = scope.get("route")
            record.route = route.path if route is not None else ""
            record.ended = self._clock()
            if record.refused is not None:
                record.status, record.code = PROBLEMS[record.refused].status, record.refused
            elif record.disconnected:
                record.status = CLIENT_CLOSED
            self._observer.ended(record)

    async def _serve(self, record: RequestRecord, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Refused as refused:
            await send_problem(send, record, refused)
        except Exception:
            if record.status:
                raise  # too late for an answer: the server logs it and closes the connection
            logger.exception("internal_error", extra={"request_id": record.request_id})
            await send_problem(send, record, _FAULT)


def _completed(headers: Sequence[Header], record: RequestRecord) -> list[Header]:
    present = {name for name, _ in headers}
    unchanged = present.isdisjoint(_API_NAMES)
    added = API_HEADERS if unchanged else [header for header in API_HEADERS if header[0] not in present]
    completed = [*headers, *added, (b"x-request-id", record.request_id.encode("ascii"))]
    if record.unread and b"connection" not in present:
        # The connection closes behind the response; without the header the client would use it once more.
        completed.append((b"connection", b"close"))
    return completed


class DirectRoute:
    """Calls the endpoint of one route without the router, which would take a tenth of the server's time for it."""

    def __init__(self, app: ASGIApp, route: Route) -> None:
        self._app = app
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        route = self._route
        if (
            scope["type"] == "http"
            and scope["path"] == scope.get("root_path", "") + route.path
            and scope["method"] in (route.methods or ())
        ):
            scope["route"] = route
            await route.app(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class PrefixRedirect:
    """Redirects from the prefix of a proxy to the page below it, whose addresses are relative to `/prefix/`."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"] == self._prefix:
            await send_response(send, 308, [(b"location", f"{self._prefix}/".encode())], b"")
        else:
            await self._app(scope, receive, send)


def prefix_redirect(prefix: str) -> Sequence[Middleware]:
    """Return the layer for the prefix of a proxy; none without one."""
    return (Middleware(PrefixRedirect, prefix=prefix),) if prefix else ()


def cross_origin(origins: Sequence[str]) -> Sequence[Middleware]:
    """Return the layer that lets pages of the listed origins call the service (CORS); none without origins.

    Credentials are never allowed: the page itself gives the token, not the browser's cookies. The answers keep
    `cross-origin-resource-policy: same-origin`, which a browser applies only to requests without CORS.
    """
    if not origins:
        return ()
    return (
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=(
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "Range",
                "X-Request-ID",
                "X-Request-Timeout-Ms",
            ),
            expose_headers=(
                "X-Request-ID",
                "Server-Timing",
                "Retry-After",
                "WWW-Authenticate",
                "Location",
                "ETag",
                "Content-Range",
            ),
            max_age=600,
        ),
    )
