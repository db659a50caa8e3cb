"""What happens around every request: pure ASGI, one wrapper of `send` each.

BaseHTTPMiddleware is not used: it hides a client's disconnect from the application.
"""

import logging
import time
from collections.abc import Callable, Sequence

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import PROBLEMS
from service.errors import Refused
from service.http.responses import API_HEADERS, Header, send_problem
from service.observability.request_record import CLIENT_CLOSED, RequestObserver, RequestRecord, begin

Clock = Callable[[], float]

logger = logging.getLogger(__name__)

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
    added = [header for header in API_HEADERS if header[0] not in present]
    if record.unread and b"connection" not in present:
        # The connection closes behind the response; without the header the client would use it once more.
        added.append((b"connection", b"close"))
    return [*headers, *added, (b"x-request-id", record.request_id.encode("ascii"))]


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
            and scope["path"] == route.path
            and scope["method"] in (route.methods or ())
        ):
            scope["route"] = route
            await route.app(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class CrossOrigin:
    """Lets the pages of listed origins call the service (CORS); to all others it says nothing.

    Credentials are never allowed: a token is given by the page itself, not by the browser's cookies.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode("latin-1") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = dict(scope.get("headers", ()))
        origin = headers.get(b"origin")
        if scope["type"] != "http" or origin not in self._origins:
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await send({"type": "http.response.start", "status": 204, "headers": _preflight(origin)})
            await send({"type": "http.response.body"})
        else:
            await self._app(scope, receive, _sharing(send, origin))


def _sharing(send: Send, origin: bytes) -> Send:
    async def send_shared(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *_SHARED, (b"access-control-allow-origin", origin)]
        await send(message)

    return send_shared


_SHARED: Sequence[Header] = (
    (b"vary", b"Origin"),
    (b"access-control-expose-headers", b"X-Request-ID, Server-Timing, Retry-After, WWW-Authenticate"),
    # Otherwise the browser would withhold the answer that this header's default was meant to protect.
    (b"cross-origin-resource-policy", b"cross-origin"),
)


def _preflight(origin: bytes) -> list[Header]:
    return [
        (b"vary", b"Origin"),
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", b"GET, POST"),
        (b"access-control-allow-headers", b"Authorization, Content-Type, X-Request-ID, X-Request-Timeout-Ms"),
        (b"access-control-max-age", b"600"),
    ]
