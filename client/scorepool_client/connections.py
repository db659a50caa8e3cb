"""How the shells set httpx up, and what its errors mean for a request."""

import httpx

from scorepool_client.exchange import Loss, LossKind
from scorepool_client.version import VERSION

UNIX = "unix:"

# An address that does not answer to a connection: nothing was sent, so there is time to try another of its hosts.
CONNECT_TIMEOUT_S = 2.0

# The service keeps an idle connection for 75 s. Closing before it does leaves few requests that cross with a close.
KEEP_ALIVE_S = 60.0

# Of an answer that is read as it comes: a service that has nothing to say of a job sends a comment every 15 s.
STREAM_SILENCE_S = 45.0

HEADERS = {"User-Agent": f"scorepool-client/{VERSION}"}


def parse_address(base_url: str) -> tuple[str, str | None]:
    """Return the URL and, for `unix:/path`, the path of the socket. Raises: ValueError for another kind of address."""
    if base_url.startswith(UNIX):
        path = base_url.removeprefix(UNIX)
        if not path.startswith("/"):
            raise ValueError(f"base_url: {base_url!r} has no absolute path, like unix:/run/scorepool.sock")
        return "http://scorepool", path
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ValueError(f"base_url: {base_url!r}: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError(f"base_url: {base_url!r} is no address like http://127.0.0.1:8000")
    return base_url, None


def pool_limits(max_connections: int) -> httpx.Limits:
    """Return the limits of the connection pool."""
    return httpx.Limits(
        max_connections=max_connections,
        max_keepalive_connections=max_connections,
        keepalive_expiry=KEEP_ALIVE_S,
    )


def time_limits(seconds: float) -> httpx.Timeout:
    """Return the limits for each wait of one request."""
    return httpx.Timeout(seconds, connect=min(seconds, CONNECT_TIMEOUT_S))


def stream_limits(seconds: float) -> httpx.Timeout:
    """Return the limits for an answer that is read as it comes."""
    return httpx.Timeout(max(seconds, STREAM_SILENCE_S), connect=min(seconds, CONNECT_TIMEOUT_S))


def is_success(response: httpx.Response) -> bool:
    """Whether the answer is what was asked for."""
    return 200 <= response.status_code < 300


class Attempt:
    """One request, and what its failure would mean: whether its connection is new and the answer has begun."""

    def __init__(self) -> None:
        self.answered = False
        self._connected = False
        self._sent = False

    def trace(self, event: str, _: object) -> None:
        """Note a connection that is made, and a request that is sent; httpcore calls this."""
        if event.startswith("connection.connect"):
            self._connected = True
        elif ".send_request_headers" in event:
            self._sent = True

    async def trace_async(self, event: str, info: object) -> None:
        """Note the same in a task."""
        self.trace(event, info)

    def loss(self, error: httpx.RequestError) -> Loss:
        """Return why there is no answer."""
        detail = str(error) or type(error).__name__
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
            return Loss(LossKind.UNREACHABLE, detail)
        if isinstance(error, httpx.TimeoutException):
            return Loss(LossKind.TIMEOUT, type(error).__name__)
        stale = self._sent and not self._connected and not self.answered
        return Loss(LossKind.STALE if stale else LossKind.LOST, detail)
