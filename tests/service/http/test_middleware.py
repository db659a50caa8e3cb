"""What the middleware does for every request: ids, headers of security, CORS, errors of routing."""

import asyncio
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from service.http.middleware import RequestContext
from service.http.responses import API_HEADERS
from tests.support.application import RequestRecorder, Service
from tests.support.asgi import Reply, call_app, code_of, http_scope, receive_of

ORIGIN = "https://app.example"


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """Return the application with one origin allowed."""
    return Service(tmp_path, cors_origins=ORIGIN)


@pytest.mark.parametrize("given", ["a", "A-b_c.9", "x" * 128])
def test_a_valid_request_id_is_kept(service: Service, given: str) -> None:
    """An id of letters, digits, `.`, `_` and `-`, at most 128, is repeated in the answer."""
    assert service.request("GET", "/livez", {"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\tb", "ä", "a,b", '"', "<x>"])
def test_an_unsafe_request_id_is_replaced(service: Service, given: str) -> None:
    """It would be repeated in headers, logs and JSON."""
    replies = [service.request("GET", "/livez", {"X-Request-ID": given}) for _ in range(2)]

    ids = {reply.headers["x-request-id"] for reply in replies}
    assert len(ids) == 2
    assert given not in ids


def test_two_request_ids_are_replaced(service: Service) -> None:
    """Two ids are ambiguous."""
    reply = service.request("GET", "/livez", [("X-Request-ID", "a"), ("X-Request-ID", "b")])

    assert reply.headers["x-request-id"] not in {"a", "b"}


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/info", "/openapi.json", "/docs", "/", "/score", "/nothing"]
)
def test_every_answer_has_an_id_and_the_headers_of_security(service: Service, path: str) -> None:
    """Errors of the framework have them too."""
    reply = service.request("GET", path)

    assert reply.headers["x-request-id"]
    for name, _ in API_HEADERS:
        assert name.decode() in reply.headers


@pytest.mark.parametrize("path", ["/nothing", "/score/", "/livez/", "//livez", "/SCORE", "/static/..", "*"])
def test_an_unknown_path_is_a_404(service: Service, path: str) -> None:
    """It is a problem; a path with another slash at its end is another path."""
    reply = service.request("POST", path)

    assert code_of(reply) == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/score", "OPTIONS, POST"),
        ("DELETE", "/score", "OPTIONS, POST"),
        ("TRACE", "/score", "OPTIONS, POST"),
        ("POST", "/livez", "GET, HEAD, OPTIONS"),
        ("PUT", "/", "GET, HEAD, OPTIONS"),
    ],
)
def test_an_unsupported_method_is_a_405(service: Service, method: str, path: str, allow: str) -> None:
    """The answer's Allow names the supported methods."""
    reply = service.request(method, path)

    assert code_of(reply) == "method_not_allowed"
    assert reply.headers["allow"] == allow


def test_options_lists_the_methods(service: Service) -> None:
    """It needs no token and its answer has no body."""
    reply = service.request("OPTIONS", "/score")

    assert (reply.status, reply.body, reply.headers["allow"]) == (204, b"", "OPTIONS, POST")


def test_head_is_supported_where_get_is(service: Service) -> None:
    """The answer has the Content-Length of the body that GET returns."""
    reply = service.request("HEAD", "/livez")

    assert (reply.status, reply.headers["content-length"]) == (200, "18")


def test_a_listed_origin_may_read_the_answer(service: Service) -> None:
    """It may read the headers that a page needs, and never sends cookies."""
    reply = service.request("GET", "/livez", {"Origin": ORIGIN})

    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert reply.headers["vary"] == "Origin"
    exposed = reply.headers["access-control-expose-headers"].split(", ")
    of_jobs = {"Location", "ETag", "Content-Range"}
    assert set(exposed) == {"X-Request-ID", "Server-Timing", "Retry-After", "WWW-Authenticate", *of_jobs}
    assert "access-control-allow-credentials" not in reply.headers


def test_a_preflight_of_a_listed_origin_succeeds(service: Service) -> None:
    """It allows what /score needs, for ten minutes, and has an id like every answer."""
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-request-id,x-request-timeout-ms",
    }

    reply = service.request("OPTIONS", "/score", headers)

    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert reply.headers["access-control-allow-methods"] == "GET, POST, DELETE"
    assert "Authorization" in reply.headers["access-control-allow-headers"]
    assert reply.headers["access-control-max-age"] == "600"
    assert "access-control-allow-credentials" not in reply.headers
    assert reply.headers["x-request-id"]


@pytest.mark.parametrize(
    "asked",
    [{"Access-Control-Request-Method": "PUT"}, {"Access-Control-Request-Headers": "cookie"}],
)
def test_a_preflight_for_an_unsupported_method_or_header_fails(
    service: Service, asked: dict[str, str]
) -> None:
    """The browser then does not send the request."""
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", **asked}

    assert service.request("OPTIONS", "/score", headers).status == 400


@pytest.mark.parametrize(
    "origin", ["https://other.example", "null", "https://app.example.evil", "HTTPS://APP.EXAMPLE"]
)
def test_other_origins_are_not_allowed(service: Service, origin: str) -> None:
    """Without the header the browser does not show the answer to the page."""
    for method in ("GET", "OPTIONS"):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        reply = service.request(method, "/livez", headers)
        assert "access-control-allow-origin" not in reply.headers
        assert reply.headers["x-request-id"]


def test_no_origin_is_allowed_by_default(tmp_path: Path) -> None:
    """The answer has no CORS headers, and a preflight is an ordinary OPTIONS request."""
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}

    for method in ("GET", "OPTIONS"):
        reply = Service(tmp_path).request(method, "/livez", headers)
        assert not [name for name in reply.headers if name.startswith("access-control")]


def test_a_problem_is_readable_for_a_listed_origin(service: Service) -> None:
    """A page can show what was wrong."""
    reply = service.request("POST", "/score", {"Origin": ORIGIN})

    assert reply.status == 401
    assert reply.headers["access-control-allow-origin"] == ORIGIN


def test_an_exception_after_the_answer_began_is_raised() -> None:
    """It is too late for a problem: the server must see the exception and close the connection."""

    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("halfway")

    recorder = RequestRecorder()

    async def scenario() -> Reply | None:
        return await call_app(RequestContext(faulty, recorder), http_scope("GET", "/"), receive_of(b""))

    with pytest.raises(RuntimeError):
        asyncio.run(scenario())
    assert len(recorder.over) == 1
