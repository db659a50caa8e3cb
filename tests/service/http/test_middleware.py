"""What happens around every request."""

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
def test_a_request_keeps_the_id_that_its_client_gave(service: Service, given: str) -> None:
    """Where it is safe to repeat."""
    assert service.request("GET", "/livez", {"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\tb", "ä", "a,b", '"', "<x>"])
def test_an_id_that_is_not_safe_is_replaced(service: Service, given: str) -> None:
    """It would come back in headers, logs and JSON."""
    replies = [service.request("GET", "/livez", {"X-Request-ID": given}) for _ in range(2)]

    ids = {reply.headers["x-request-id"] for reply in replies}
    assert len(ids) == 2
    assert given not in ids


def test_two_ids_are_none(service: Service) -> None:
    """Which of them counts is nobody's guess."""
    reply = service.request("GET", "/livez", [("X-Request-ID", "a"), ("X-Request-ID", "b")])

    assert reply.headers["x-request-id"] not in {"a", "b"}


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/info", "/openapi.json", "/docs", "/", "/score", "/nothing"]
)
def test_every_answer_has_an_id_and_the_headers_of_security(service: Service, path: str) -> None:
    """Errors of the framework too."""
    reply = service.request("GET", path)

    assert reply.headers["x-request-id"]
    for name, _ in API_HEADERS:
        assert name.decode() in reply.headers


@pytest.mark.parametrize("path", ["/nothing", "/score/", "/livez/", "//livez", "/SCORE", "/static/..", "*"])
def test_a_path_that_is_not_there(service: Service, path: str) -> None:
    """404 as a problem; a slash more is another path."""
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
def test_a_method_that_a_path_does_not_take(service: Service, method: str, path: str, allow: str) -> None:
    """405 names those that it does."""
    reply = service.request(method, path)

    assert code_of(reply) == "method_not_allowed"
    assert reply.headers["allow"] == allow


def test_options_tells_the_methods(service: Service) -> None:
    """Without a token and without a body."""
    reply = service.request("OPTIONS", "/score")

    assert (reply.status, reply.body, reply.headers["allow"]) == (204, b"", "OPTIONS, POST")


def test_head_is_taken_where_get_is(service: Service) -> None:
    """The server leaves the body out; its length is told."""
    reply = service.request("HEAD", "/livez")

    assert (reply.status, reply.headers["content-length"]) == (200, "18")


def test_an_origin_that_is_listed_may_read_the_answer(service: Service) -> None:
    """And the headers that its page needs; never with cookies."""
    reply = service.request("GET", "/livez", {"Origin": ORIGIN})

    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert reply.headers["vary"] == "Origin"
    exposed = reply.headers["access-control-expose-headers"].split(", ")
    assert set(exposed) == {"X-Request-ID", "Server-Timing", "Retry-After", "WWW-Authenticate"}
    assert "access-control-allow-credentials" not in reply.headers


def test_an_origin_that_is_listed_may_ask_first(service: Service) -> None:
    """The preflight allows what /score needs, for ten minutes, and carries an id like every answer."""
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-request-id,x-request-timeout-ms",
    }

    reply = service.request("OPTIONS", "/score", headers)

    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert reply.headers["access-control-allow-methods"] == "GET, POST"
    assert "Authorization" in reply.headers["access-control-allow-headers"]
    assert reply.headers["access-control-max-age"] == "600"
    assert "access-control-allow-credentials" not in reply.headers
    assert reply.headers["x-request-id"]


@pytest.mark.parametrize(
    "asked",
    [{"Access-Control-Request-Method": "DELETE"}, {"Access-Control-Request-Headers": "cookie"}],
)
def test_a_preflight_for_more_than_the_service_takes_fails(service: Service, asked: dict[str, str]) -> None:
    """A browser needs a successful answer to go on."""
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", **asked}

    assert service.request("OPTIONS", "/score", headers).status == 400


@pytest.mark.parametrize(
    "origin", ["https://other.example", "null", "https://app.example.evil", "HTTPS://APP.EXAMPLE"]
)
def test_other_origins_are_not_allowed(service: Service, origin: str) -> None:
    """Without this header a browser does not show the answer to the page."""
    for method in ("GET", "OPTIONS"):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        reply = service.request(method, "/livez", headers)
        assert "access-control-allow-origin" not in reply.headers
        assert reply.headers["x-request-id"]


def test_no_origin_is_allowed_by_default(tmp_path: Path) -> None:
    """The answer says nothing of origins, and a preflight is an ordinary OPTIONS request."""
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}

    for method in ("GET", "OPTIONS"):
        reply = Service(tmp_path).request(method, "/livez", headers)
        assert not [name for name in reply.headers if name.startswith("access-control")]


def test_a_problem_is_readable_for_a_listed_origin(service: Service) -> None:
    """Its page can show what was wrong."""
    reply = service.request("POST", "/score", {"Origin": ORIGIN})

    assert reply.status == 401
    assert reply.headers["access-control-allow-origin"] == ORIGIN


def test_a_fault_after_the_answer_began_ends_the_connection() -> None:
    """It is too late for another answer: the server must see the exception."""

    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("halfway")

    recorder = RequestRecorder()

    async def scenario() -> Reply | None:
        return await call_app(RequestContext(faulty, recorder), http_scope("GET", "/"), receive_of(b""))

    with pytest.raises(RuntimeError):
        asyncio.run(scenario())
    assert len(recorder.over) == 1
